//! Walks through a whole store and compares everything with everything: what an operator runs after a bad night.
//!
//! Nothing is written, and a writer may go on meanwhile: what is checked is the store at one moment.

use std::path::Path;

use proto::{
    AnyId, CommentId, LegacyId, Seq, Topic,
    record::{Limits, Record},
};

use crate::{
    Options, Reader, Snapshot, StoreError, Summary,
    format::{self, Files},
    incoming::Kind,
    keys,
    model::{Fact, Showing, Visible, visible},
    pages::Pages,
    row::{Row, Standing},
};

/// So many faults are told one by one.
const TOLD_LIMIT: usize = 100;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Topics that were looked at.
    pub topics: u64,
    /// Comments that have their bytes, all of which were hashed.
    pub comments: u64,
    /// Tombstones.
    pub deleted: u64,
    /// What is wrong; the first hundred.
    pub faults: Vec<String>,
    /// How much is wrong.
    pub fault_count: u64,
}

impl Report {
    fn fault(&mut self, what: impl Into<String>) {
        self.fault_count += 1;
        if self.faults.len() < TOLD_LIMIT {
            self.faults.push(what.into());
        }
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fault(what());
        }
    }
}

/// Checks the file page by page, then opens the store and checks what it says. The reader is returned, for those who know
/// more to check.
///
/// # Errors
///
/// When the store cannot be opened safely. What is found in a store that can is in the report.
pub fn check(dir: &Path, options: &Options) -> Result<(Reader, Report), StoreError> {
    if format::inspect(dir)? == Files::None {
        return Err(StoreError::Absent { dir: dir.to_owned() });
    }
    Pages::open(&dir.join(format::DATA))?.check_trees()?;
    let reader = Reader::open(dir, options)?;
    let report = reader.snapshot()?.check()?;
    Ok((reader, report))
}

/// A comment as its row has it.
struct Seen {
    seq: Seq,
    row: Row,
}

/// How many rows the other tables must have.
#[derive(Default)]
struct Expected {
    names: u64,
    arrivals: u64,
    dates: u64,
    files: u64,
}

impl Snapshot<'_> {
    /// Compares all tables with each other, and with what the comments themselves say.
    ///
    /// # Errors
    ///
    /// When the store cannot be read at all.
    pub fn check(&self) -> Result<Report, StoreError> {
        let (mut report, mut expected) = (Report::default(), Expected::default());
        let mut topic: Option<(Topic, Vec<Seen>)> = None;
        for entry in self.store.tables.comments.iter(&self.txn)? {
            let (key, value) = entry?;
            let Some((of, seq, row)) = read_row(&mut report, key, value) else { continue };
            match &mut topic {
                Some((now, rows)) if *now == of => rows.push(Seen { seq, row }),
                _ => {
                    let before = topic.replace((of, vec![Seen { seq, row }]));
                    self.check_topic(before, &mut report, &mut expected)?;
                }
            }
        }
        self.check_topic(topic, &mut report, &mut expected)?;
        self.check_whole(&mut report, &expected)?;
        Ok(report)
    }

    fn check_topic(
        &self,
        topic: Option<(Topic, Vec<Seen>)>,
        report: &mut Report,
        expected: &mut Expected,
    ) -> Result<(), StoreError> {
        let Some((topic, rows)) = topic else { return Ok(()) };
        let facts = rows.iter().map(|Seen { row, .. }| Fact {
            id: row.id,
            legacy_id: row.legacy_id,
            date_s: row.date_s,
            kind: row.kind,
        });
        let visible = visible(facts);
        report.topics += 1;
        expected.arrivals += rows.len() as u64;
        expected.files += visible.folder.len() as u64;
        check_standings(&topic, &rows, &visible, report);
        for seen in &rows {
            self.check_names(&topic, seen, &visible, report, expected)?;
        }
        self.check_summary(&topic, &rows, &visible, report)
    }

    fn check_summary(
        &self,
        topic: &Topic,
        rows: &[Seen],
        visible: &Visible,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let found = self.topic(topic)?.unwrap_or_default();
        let right = Summary {
            count: visible.count(),
            files: visible.folder.len() as u64,
            last_seq: rows.last().map_or(Seq(0), |seen| seen.seq),
            xor: visible.xor(),
            folder: found.folder,
        };
        report.expect(found == right, || format!("topic {topic}: its summary is {found:?}, expected {right:?}"));
        Ok(())
    }

    /// Checks that a comment is found by everything that it can be found by.
    fn check_names(
        &self,
        topic: &Topic,
        Seen { seq, row }: &Seen,
        visible: &Visible,
        report: &mut Report,
        expected: &mut Expected,
    ) -> Result<(), StoreError> {
        let mut names = vec![keys::by_id(topic, &row.id), keys::by_legacy_id(topic, &row.legacy_id)];
        names.extend(match row.kind {
            Kind::Unsigned => None,
            Kind::Signed(_, group) if visible.thread.contains_key(&row.id) => Some(keys::head(topic, &group)),
            Kind::Signed(_, group) => Some(keys::twin(topic, &group, &row.id)),
            Kind::Edits(_, target) | Kind::Deletes(_, target) => Some(keys::naming_from(topic, &target, &row.id)),
        });
        for name in &names {
            let places = self.store.tables.names.get(&self.txn, name)?.unwrap_or_default();
            let found = keys::places(places).any(|place| place == *seq);
            report.expect(found, || format!("comment {seq} in {topic}: a name does not lead to it"));
        }
        expected.names += names.len() as u64;
        let legacy = self.store.places(&self.txn, topic, &AnyId::Legacy(row.legacy_id))?;
        // Comments with one legacy id share the entry: it is counted for the first.
        expected.names -= u64::from(legacy.first() != Some(seq));
        let dated = self.store.tables.dates.get(&self.txn, &keys::date(row.date_s, &row.id, topic))?.is_some();
        report.expect(dated == row.standing.is_live(), || {
            format!("comment {seq} in {topic}: wrong in the order by date")
        });
        expected.dates += u64::from(row.standing.is_live());
        let arrived = self.store.tables.arrivals.get(&self.txn, &seq.0.to_be_bytes())?;
        report.expect(arrived == Some(&topic.0), || format!("comment {seq} in {topic}: not in the arrival log"));
        Ok(())
    }

    fn check_whole(&self, report: &mut Report, expected: &Expected) -> Result<(), StoreError> {
        let tables = &self.store.tables;
        let lengths = [
            ("names", tables.names.len(&self.txn)?, expected.names),
            ("arrivals", tables.arrivals.len(&self.txn)?, expected.arrivals),
            ("dates", tables.dates.len(&self.txn)?, expected.dates),
            ("topics", tables.topics.len(&self.txn)?, report.topics),
            ("files in all folders", self.stored(), expected.files),
        ];
        for (table, found, right) in lengths {
            report.expect(found == right, || format!("{table}: {found}, expected {right}"));
        }
        for node in self.nodes()? {
            report.expect(node.is_ok(), || "nodes: a current folder node is missing".to_owned());
        }
        let last = tables.arrivals.last(&self.txn)?.map_or(0, |(key, _)| key.try_into().map_or(0, u64::from_be_bytes));
        let known = self.last_seq();
        report.expect(known == Seq(last), || format!("the newest arrival is {last}, the store says {known}"));
        Ok(())
    }
}

/// Reads a row, and compares it with the comment in it.
fn read_row(report: &mut Report, key: &[u8], value: &[u8]) -> Option<(Topic, Seq, Row)> {
    let (Some((topic, seq)), Some((row, blob))) = (keys::split_row(key), Row::decode(value)) else {
        report.fault("comments: a row that cannot be read");
        return None;
    };
    if row.standing.is_live() {
        report.comments += 1;
        report.expect(is_about(&row, blob), || format!("comment {seq} in {topic}: its bytes are not what they were"));
    } else {
        report.deleted += 1;
        report.expect(blob.is_empty(), || format!("comment {seq} in {topic}: deleted, and its bytes are still there"));
    }
    Some((topic, seq, row))
}

fn is_about(row: &Row, blob: &[u8]) -> bool {
    let Ok(record) = Record::parse(blob, Limits::NONE) else { return false };
    let ids = CommentId::of(blob) == row.id && LegacyId::of(blob) == row.legacy_id;
    ids && record.date_s == row.date_s && Kind::of(&record) == row.kind
}

/// Compares where comments stand with what the model says.
fn check_standings(topic: &Topic, rows: &[Seen], visible: &Visible, report: &mut Report) {
    for Seen { seq, row } in rows {
        let showing = visible.thread.get(&row.id);
        let right = match (visible.live.contains(&row.id), showing.is_some()) {
            (true, true) => Standing::Shown,
            (true, false) => Standing::Hidden,
            (false, true) => Standing::Deleted,
            (false, false) => Standing::Gone,
        };
        let found = row.standing;
        report.expect(found == right, || format!("comment {seq} in {topic}: {found:?}, expected {right:?}"));
        let edit = rows.binary_search_by_key(&row.edit, |other| other.seq).ok().map(|at| &rows[at]);
        let edit = edit.filter(|edit| edit.row.standing.is_live()).map(|edit| edit.row.id);
        let right = match showing {
            Some(Showing::Edited(id)) => Some(*id),
            _ => None,
        };
        report.expect(edit == right, || format!("comment {seq} in {topic}: edited by {edit:?}, expected {right:?}"));
    }
}
