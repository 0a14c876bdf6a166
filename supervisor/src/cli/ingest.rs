//! `ingest`: shows the journal of the ingest server, from its file; works without the tree, too.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
};

use daemon::config::Loaded;
use proto::uploads::{JOURNAL, Upload};

use super::{
    Refusal,
    show::{self, Form},
};

/// Shows every upload of the journal. A journal of any length is shown in little memory.
///
/// # Errors
///
/// When there is a journal that cannot be read.
pub fn list(loaded: &Loaded, form: Form) -> Result<(), Refusal> {
    let path = loaded.places.data_dir.join(JOURNAL);
    let uploads = match File::open(&path) {
        Ok(file) => Some(read(BufReader::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Refusal::failed(format!("cannot read {}: {error}", path.display()))),
    };
    let out = BufWriter::new(io::stdout().lock());
    show::ended(write(out, uploads.into_iter().flatten(), form))
}

/// A line that is damaged, as the last one is after a power cut, is left out.
fn read(journal: impl io::BufRead) -> impl Iterator<Item = Upload> {
    let lines = journal.split(b'\n').map_while(Result::ok);
    lines.filter_map(|line| Upload::read(std::str::from_utf8(&line).ok()?))
}

fn write(mut out: impl Write, uploads: impl Iterator<Item = Upload>, form: Form) -> io::Result<()> {
    match form {
        Form::Json => array(&mut out, uploads)?,
        Form::Table => table(&mut out, uploads)?,
    }
    out.flush()
}

/// One JSON document, with an upload on each line.
fn array(out: &mut impl Write, uploads: impl Iterator<Item = Upload>) -> io::Result<()> {
    let mut before = "[\n";
    for upload in uploads {
        write!(out, "{before}{}", upload.line().trim_end())?;
        before = ",\n";
    }
    out.write_all(if before == "[\n" { b"[]\n" } else { b"\n]\n" })
}

fn table(out: &mut impl Write, uploads: impl Iterator<Item = Upload>) -> io::Result<()> {
    writeln!(out, "{:<20}  {:<21}  {:>15}  {:>9}  CID", "TIME", "PEER", "BYTES", "SECONDS")?;
    for Upload { time, peer, bytes, cid, seconds } in uploads {
        writeln!(out, "{time:<20}  {:<21}  {bytes:>15}  {seconds:>9.3}  {cid}", peer.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "{\"time\":\"2026-11-20T16:47:05Z\",\"peer\":\"192.0.2.7:51000\",\"bytes\":5,\
                        \"cid\":\"QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH\",\"seconds\":0.25}\n";

    fn shown(journal: &str, form: Form) -> String {
        let mut text = Vec::new();
        write(&mut text, read(journal.as_bytes()), form).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn uploads_are_one_json_document_without_the_line_that_was_cut() {
        let journal = [LINE, LINE, &LINE[..30]].concat();
        let json: Vec<Upload> = serde_json::from_str(&shown(&journal, Form::Json)).unwrap();
        assert_eq!(json, [Upload::read(LINE).unwrap(), Upload::read(LINE).unwrap()]);
        assert_eq!(shown("", Form::Json), "[]\n");
    }

    #[test]
    fn uploads_are_a_table_for_people() {
        let expected = "\
TIME                  PEER                             BYTES    SECONDS  CID
2026-11-20T16:47:05Z  192.0.2.7:51000                      5      0.250  QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH
";
        assert_eq!(shown(LINE, Form::Table), expected);
    }
}
