//! Tables of figures: what was measured, beside what, and the aim.

use std::fmt;

/// Some figures of one run.
pub struct Table {
    /// What the run was about.
    pub title: String,
    /// One line each.
    pub rows: Vec<Row>,
}

/// One figure.
pub struct Row {
    what: String,
    figure: String,
    beside: String,
    ratio: String,
    aim: String,
}

impl Table {
    /// An empty table.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), rows: Vec::new() }
    }

    /// A figure that stands alone.
    pub fn figure(&mut self, what: impl Into<String>, figure: impl Into<String>, aim: &str) {
        let (what, figure) = (what.into(), figure.into());
        self.rows.push(Row { what, figure, beside: String::new(), ratio: String::new(), aim: aim.to_owned() });
    }

    /// A rate beside another of the same unit: the ratio is ours over theirs.
    pub fn rate(&mut self, what: &str, ours: f64, unit: &str, theirs: (&str, f64), aim: &str) {
        self.rows.push(Row {
            what: what.to_owned(),
            figure: format!("{} {unit}", round(ours)),
            beside: format!("{} {unit}: {}", round(theirs.1), theirs.0),
            ratio: format!("{:.2}", ours / theirs.1),
            aim: aim.to_owned(),
        });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n\n| what | figure | beside, same run | ratio | aim |\n|---|---|---|---|---|", self.title)?;
        for Row { what, figure, beside, ratio, aim } in &self.rows {
            writeln!(f, "| {what} | {figure} | {beside} | {ratio} | {aim} |")?;
        }
        Ok(())
    }
}

/// Three significant digits, thousands apart.
pub fn round(value: f64) -> String {
    match value {
        value if value >= 1_000.0 => {
            let digits = format!("{value:.0}");
            let mut text = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index) % 3 == 0 {
                    text.push(',');
                }
                text.push(digit);
            }
            text
        }
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// The middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What has to be known to read the figures.
pub fn head() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let model = model.trim_start_matches([':', ' ', '\t']);
    format!(
        "# Results\n\nMade by `make bench`: release build, {cores} cores ({model}), everything on one machine, load \
         generators included.\nA figure means something only beside the one of the same run. What follows from them is in \
         [NOTES.md](NOTES.md).\n"
    )
}
