//! `/counts`: how many comments each of some topics has, for badges on a page with many links. Asks `get-worker` for what is
//! not kept.

use hyper::{Method, body::Incoming, header::HeaderValue};
use proto::{Topic, threads::CountComments};
use serde_json::Value;

use crate::{
    answer::Answered,
    cache::{Made, Tag},
    comments::READERS,
    connection::link::Link,
    front::{Front, Visit, settle},
    problem::Problem,
    request::body::{self, BodyLimits},
    sides::{Side as _, Sides},
};

/// The most topics in a body.
const BODY_TOPICS: usize = 1_000;
/// The most topics in an address.
const ADDRESS_TOPICS: usize = 100;
/// So many topics with quotes, commas and some white space.
const BODY_BYTES: u64 = 64 * 1024;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

impl<S: Sides> Front<S> {
    /// `POST /counts`, `GET /counts?topics=`: counts in the order of the topics.
    pub(crate) async fn counts(&self, visit: &Visit, body: Incoming, link: &Link) -> Answered {
        if visit.method != Method::POST {
            let topics = in_address(visit.uri.query())?;
            let json = self.counts_json(&topics, visit).await?;
            return self.fresh(visit, Made::json(Tag::Printed("counts".to_owned()), json)).await;
        }
        let limits = BodyLimits { bytes: BODY_BYTES, ..self.limits.body };
        let topics = in_body(&body::read(body, limits).await?)?;
        // All of the request is read: nothing is lost when the connection ends.
        link.set_linger(false);
        let json = self.counts_json(&topics, visit).await?;
        self.fresh(visit, Made::json(Tag::None, json).cached(NO_STORE)).await
    }

    async fn counts_json(&self, topics: &[Topic], visit: &Visit) -> Result<Vec<u8>, Problem> {
        // Before the question, as for everything that is kept.
        let versions: Vec<u64> = topics.iter().map(|topic| self.board.count(topic)).collect();
        let mut counts: Vec<Option<u64>> =
            topics.iter().zip(&versions).map(|(topic, version)| self.cache.count(topic, *version)).collect();
        let missing: Vec<usize> = (0..topics.len()).filter(|place| counts[*place].is_none()).collect();
        if !missing.is_empty() {
            let asked = missing.iter().map(|place| topics[*place]).collect();
            for (place, count) in missing.into_iter().zip(self.ask_counts(asked, visit).await?) {
                self.cache.keep_count(topics[place], versions[place], count);
                counts[place] = Some(count);
            }
        }
        Ok(serde_json::to_vec(&counts).expect("numbers are JSON"))
    }

    async fn ask_counts(&self, topics: Vec<Topic>, visit: &Visit) -> Result<Vec<u64>, Problem> {
        let expected = topics.len();
        let reply = self.reads.ask(CountComments { topics }, visit.id, self.limits.answer_wait).await;
        let counts = settle(reply, READERS)?;
        if counts.len() != expected {
            return Err(Problem::boxes_differ(READERS, &format!("{} counts for {expected} topics", counts.len())));
        }
        Ok(counts)
    }
}

/// Reads a body: `["<topic>", …]`.
fn in_body(body: &[u8]) -> Result<Vec<Topic>, Problem> {
    let array = match serde_json::from_slice(body) {
        Ok(Value::Array(array)) => array,
        Ok(other) => return Err(Problem::bad_topics(&format!("the body is {}", kind(&other)))),
        Err(error) => return Err(Problem::bad_topics(&format!("the body is not JSON: {error}"))),
    };
    check_number(array.len(), BODY_TOPICS, "the body")?;
    let read = |(index, value): (usize, &Value)| match value {
        Value::String(text) => topic(index, text),
        other => Err(Problem::bad_topics(&format!("element {index} is {}", kind(other)))),
    };
    array.iter().enumerate().map(read).collect()
}

/// Reads an address: `?topics=<topic>,<topic>`, the commas perhaps as `%2C`.
fn in_address(query: Option<&str>) -> Result<Vec<Topic>, Problem> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let lists: Vec<_> = pairs.filter(|(name, _)| name == "topics").map(|(_, list)| list).collect();
    if lists.is_empty() {
        return Err(Problem::bad_topics("the address has no `?topics=`"));
    }
    let texts: Vec<&str> = lists.iter().flat_map(|list| list.split(',')).filter(|text| !text.is_empty()).collect();
    check_number(texts.len(), ADDRESS_TOPICS, "the address")?;
    texts.iter().enumerate().map(|(index, text)| topic(index, text)).collect()
}

fn check_number(topics: usize, most: usize, place: &str) -> Result<(), Problem> {
    match topics <= most {
        true => Ok(()),
        false => Err(Problem::bad_topics(&format!("{place} has {topics} topics, at most {most} may be there"))),
    }
}

fn topic(index: usize, text: &str) -> Result<Topic, Problem> {
    text.parse().map_err(|_| Problem::bad_topic(index, text))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    const HEX: &str = "9d4c8a2f8a2f8a2f8a2f8a2f8a2f8a2f8a2f8a2f";

    fn list(topics: usize) -> String {
        serde_json::to_string(&vec![HEX; topics]).unwrap()
    }

    #[test]
    fn topics_are_read_in_their_order() {
        let (one, two) = (Topic([0x11; 20]), Topic([0xaf; 20]));
        assert_eq!(in_body(format!(r#" ["{two}", "{one}","{two}"] "#).as_bytes()).unwrap(), [two, one, two]);
        assert_eq!(in_body(b"[]").unwrap(), []);
        assert_eq!(in_body(list(BODY_TOPICS).as_bytes()).unwrap().len(), BODY_TOPICS);
        assert_eq!(in_address(Some(&format!("topics={two},{one}"))).unwrap(), [two, one]);
        assert_eq!(in_address(Some(&format!("x=y&topics={two}%2C{one}&topics={two}"))).unwrap(), [two, one, two]);
        assert_eq!(in_address(Some("topics=")).unwrap(), []);
    }

    #[test]
    fn the_largest_list_fits_with_white_space() {
        let pretty = serde_json::to_string_pretty(&vec![HEX; BODY_TOPICS]).unwrap();
        assert!((pretty.len() as u64) < BODY_BYTES);
    }

    #[test]
    fn what_is_no_list_of_topics_is_told_what_is_wrong_where() {
        let upper = HEX.to_uppercase();
        let rows = [
            ("".to_owned(), "not JSON"),
            ("[".to_owned(), "line 1 column 1"),
            (format!("{HEX},{HEX}"), "not JSON"),
            (format!("[\"{HEX}\"] x"), "not JSON"),
            ("{\"topics\":[]}".to_owned(), "the body is an object"),
            (format!("\"{HEX}\""), "the body is a string"),
            ("null".to_owned(), "the body is null"),
            (format!("[\"{HEX}\", 7]"), "element 1 is a number"),
            (format!("[\"{HEX}\", [\"{HEX}\"]]"), "element 1 is an array"),
            (format!("[\"{HEX}\", \"{HEX}\", \"nope\"]"), "topic 2, `nope`"),
            (format!("[\"{HEX}\", \"{upper}\"]"), "topic 1, "),
            (list(1_001), "1001 topics, at most 1000"),
            ("[".repeat(60_000), "not JSON"),
        ];
        for (body, expected) in rows {
            let problem = in_body(body.as_bytes()).unwrap_err();
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
            assert!(problem.detail().contains(expected), "{}", problem.detail());
            assert!(problem.detail().contains("40 lower-case hex digits"), "{}", problem.detail());
        }
        let told = in_body(format!("[\"{upper}\"]").as_bytes()).unwrap_err();
        assert!(told.detail().contains(&upper) && told.detail().contains(HEX), "{}", told.detail());
    }

    #[test]
    fn what_is_wrong_in_an_address_is_told_too() {
        let many = vec![HEX; ADDRESS_TOPICS + 1].join(",");
        let rows = [
            (None, "no `?topics=`".to_owned()),
            (Some("topic=x".to_owned()), "no `?topics=`".to_owned()),
            (Some(format!("topics={HEX},x")), "topic 1, `x`".to_owned()),
            (Some(format!("topics={many}")), "101 topics, at most 100".to_owned()),
        ];
        for (query, expected) in rows {
            let problem = in_address(query.as_deref()).unwrap_err();
            assert!(problem.detail().contains(&expected), "{}", problem.detail());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_topics_or_a_problem(body: Vec<u8>) {
            let _ = in_body(&body);
        }

        #[test]
        fn any_query_is_topics_or_a_problem(query: String) {
            let _ = in_address(Some(&query));
        }
    }
}
