//! Many boxes' metrics as one OpenMetrics text: <https://prometheus.io/docs/specs/om/open_metrics_spec/>.
//!
//! Each box's text is well-formed by itself, and its samples bear the labels `box` and `instance`. What remains to be
//! done is to bring the samples of one family together under one description, which the format demands.

use std::{collections::BTreeMap, fmt::Write as _};

/// The content type of the text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What may follow a family's name in the name of a sample.
const SUFFIXES: [&str; 9] = ["", "_total", "_created", "_bucket", "_count", "_sum", "_info", "_gcount", "_gsum"];

/// Families by name.
#[derive(Debug, Default)]
pub(crate) struct Exposition(BTreeMap<String, Family>);

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Family {
    kind: Option<String>,
    unit: Option<String>,
    help: Option<String>,
    samples: String,
}

impl Exposition {
    /// Adds the metrics of one instance.
    ///
    /// A family that another box describes as of another kind is left out, because the whole text would be refused.
    pub(crate) fn add(&mut self, text: &str) {
        for (name, family) in families(text) {
            let known = self.0.entry(name).or_insert_with(|| Family { samples: String::new(), ..family.clone() });
            if known.kind != family.kind || known.unit != family.unit {
                tracing::debug!(?family, "metrics left out: two boxes describe one family differently");
                continue;
            }
            known.samples.push_str(&family.samples);
        }
    }

    /// The text.
    pub(crate) fn render(&self) -> String {
        let mut text = String::with_capacity(16 * 1_024);
        for (name, family) in &self.0 {
            for (word, value) in [("HELP", &family.help), ("TYPE", &family.kind), ("UNIT", &family.unit)] {
                if let Some(value) = value {
                    let _ = writeln!(text, "# {word} {name} {value}");
                }
            }
            text.push_str(&family.samples);
        }
        text.push_str("# EOF\n");
        text
    }
}

/// Takes a text apart.
fn families(text: &str) -> Vec<(String, Family)> {
    let mut families: Vec<(String, Family)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(description) => describe(&mut families, description),
            None => sample(&mut families, line),
        }
    }
    families
}

/// `TYPE name counter`. Anything else behind `# ` (the end mark) has no name and value, and is skipped.
fn describe(families: &mut Vec<(String, Family)>, description: &str) {
    let mut words = description.splitn(3, ' ');
    let (Some(word), Some(name), Some(value)) = (words.next(), words.next(), words.next()) else { return };
    let family = of_name(families, name);
    match word {
        "HELP" => family.help = Some(value.to_owned()),
        "TYPE" => family.kind = Some(value.to_owned()),
        "UNIT" => family.unit = Some(value.to_owned()),
        _ => {}
    }
}

fn sample(families: &mut Vec<(String, Family)>, line: &str) {
    let name = &line[..line.find(['{', ' ']).unwrap_or(line.len())];
    let belongs = |family: &str| name.strip_prefix(family).is_some_and(|suffix| SUFFIXES.contains(&suffix));
    let fits_last = families.last().is_some_and(|(last, _)| belongs(last));
    let family =
        if fits_last { &mut families.last_mut().expect("it was just looked at").1 } else { of_name(families, name) };
    family.samples.push_str(line);
    family.samples.push('\n');
}

/// The family of a name: the last one of the text if it is that, else a new one.
fn of_name<'a>(families: &'a mut Vec<(String, Family)>, name: &str) -> &'a mut Family {
    let at = families.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
        families.push((name.to_owned(), Family::default()));
        families.len() - 1
    });
    &mut families[at].1
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONT: &str = "\
# HELP rookery_http_requests Requests answered.
# TYPE rookery_http_requests counter
rookery_http_requests_total{box=\"http-front\",instance=\"0\",route=\"root\"} 3
# HELP rookery_open_descriptors Open file descriptors.
# TYPE rookery_open_descriptors gauge
rookery_open_descriptors{box=\"http-front\",instance=\"0\"} 12
";
    const WORKER: &str = "\
# HELP rookery_open_descriptors Open file descriptors.
# TYPE rookery_open_descriptors gauge
rookery_open_descriptors{box=\"get-worker\",instance=\"0\"} 9
# HELP rookery_page_seconds Time of a page.
# TYPE rookery_page_seconds histogram
# UNIT rookery_page_seconds seconds
rookery_page_seconds_sum{box=\"get-worker\",instance=\"0\"} 0.5
rookery_page_seconds_count{box=\"get-worker\",instance=\"0\"} 2
rookery_page_seconds_bucket{le=\"+Inf\",box=\"get-worker\",instance=\"0\"} 2
# EOF
";

    fn merged(texts: &[&str]) -> String {
        let mut exposition = Exposition::default();
        texts.iter().for_each(|text| exposition.add(text));
        exposition.render()
    }

    /// What the format demands of the order of lines and of names.
    fn assert_valid(text: &str) {
        let lines: Vec<_> = text.strip_suffix("# EOF\n").expect("it ends with its mark").lines().collect();
        let (mut seen, mut family, mut kind) = (std::collections::BTreeSet::new(), "", "unknown");
        for line in lines {
            let mut words = line.splitn(4, ' ');
            if words.next() == Some("#") {
                let (word, name, value) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
                if name != family {
                    assert!(seen.insert(name), "{name} is in two places");
                    (family, kind) = (name, "unknown");
                }
                kind = if word == "TYPE" { value } else { kind };
                continue;
            }
            let (name, labels_and_value) = line.split_at(line.find(['{', ' ']).unwrap());
            let suffixes: &[&str] = match kind {
                "counter" => &["_total", "_created"],
                "histogram" => &["_bucket", "_count", "_sum", "_created"],
                _ => &[""],
            };
            let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
            assert!(suffixes.contains(&suffix), "{line} is no {kind}");
            assert!(labels_and_value.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line} has no value");
        }
    }

    #[test]
    fn metrics_of_real_registries_become_one_valid_text() {
        let of_box = |name: &str| {
            let labels = [("box".into(), name.to_owned().into())];
            let mut registry =
                prometheus_client::registry::Registry::with_prefix_and_labels("rookery", labels.into_iter());
            let measures = crate::measures::Measures::default();
            measures.register(&mut registry);
            let took = std::time::Duration::from_millis(1);
            measures.answered("root", &hyper::Method::GET, hyper::StatusCode::OK, took);
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            text
        };
        let text = merged(&[&of_box("a"), WORKER, &of_box("b")]);
        assert_valid(&text);
        assert_eq!(text.matches("rookery_http_request_seconds_count{").count(), 2);
    }

    #[test]
    fn samples_of_a_family_stand_together_under_one_description() {
        let golden = "\
# HELP rookery_http_requests Requests answered.
# TYPE rookery_http_requests counter
rookery_http_requests_total{box=\"http-front\",instance=\"0\",route=\"root\"} 3
# HELP rookery_open_descriptors Open file descriptors.
# TYPE rookery_open_descriptors gauge
rookery_open_descriptors{box=\"http-front\",instance=\"0\"} 12
rookery_open_descriptors{box=\"get-worker\",instance=\"0\"} 9
# HELP rookery_page_seconds Time of a page.
# TYPE rookery_page_seconds histogram
# UNIT rookery_page_seconds seconds
rookery_page_seconds_sum{box=\"get-worker\",instance=\"0\"} 0.5
rookery_page_seconds_count{box=\"get-worker\",instance=\"0\"} 2
rookery_page_seconds_bucket{le=\"+Inf\",box=\"get-worker\",instance=\"0\"} 2
# EOF
";
        assert_eq!(merged(&[FRONT, WORKER]), golden);
        assert_valid(golden);
    }

    #[test]
    fn a_family_of_two_kinds_keeps_the_first() {
        let text = merged(&["# TYPE a gauge\na{box=\"x\"} 1\n", "# TYPE a counter\na_total{box=\"y\"} 2\n"]);
        assert_eq!(text, "# TYPE a gauge\na{box=\"x\"} 1\n# EOF\n");
    }

    #[test]
    fn no_box_is_an_empty_text_with_its_end() {
        assert_eq!(merged(&[]), "# EOF\n");
        assert_eq!(merged(&["", "# EOF\n"]), "# EOF\n");
    }

    proptest::proptest! {
        #[test]
        fn any_text_becomes_families_that_are_each_in_one_place(text in "([#a-c_{} ]|HELP|TYPE|total|\n){0,60}") {
            let rendered = merged(&[&text, &text]);
            let kinds: Vec<_> = rendered.lines().filter(|line| line.starts_with("# TYPE ")).collect();
            let names: std::collections::BTreeSet<_> = kinds.iter().map(|line| line.split(' ').nth(2)).collect();
            proptest::prop_assert_eq!(names.len(), kinds.len());
            proptest::prop_assert!(rendered.ends_with("# EOF\n"));
        }
    }
}
