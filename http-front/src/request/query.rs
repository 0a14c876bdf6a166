//! Which part of a thread a visitor wants: `?after=17&limit=50`.

use proto::{Seq, threads::PAGE_LIMIT};

use crate::problem::Problem;

/// So many comments are a page unless the visitor says otherwise.
pub(crate) const DEFAULT_LIMIT: u16 = 25;

/// One page of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PageQuery {
    /// Only what arrived after this.
    pub(crate) after: Option<Seq>,
    /// At most so many, 1 to [`PAGE_LIMIT`].
    pub(crate) limit: u16,
}

impl PageQuery {
    /// Reads the part of an address behind `?`. Unknown parameters mean nothing, so that later ones break nobody.
    ///
    /// # Errors
    ///
    /// 400 that names the parameter, what was typed and what is expected.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let Some(query) = query else { return Ok(Self { after: None, limit: DEFAULT_LIMIT }) };
        let after = number(query, "after", "the `next` of the page before")?;
        let limit = number(query, "limit", "how many comments, 1 to 1000")?;
        let limit = limit.map_or(DEFAULT_LIMIT, |limit| u16::try_from(limit).unwrap_or(PAGE_LIMIT));
        Ok(Self { after: after.map(Seq), limit: limit.clamp(1, PAGE_LIMIT) })
    }
}

fn number(query: &str, name: &'static str, meaning: &'static str) -> Result<Option<u64>, Problem> {
    let mut values = query.split('&').filter_map(|pair| match pair.split_once('=').unwrap_or((pair, "")) {
        (key, value) if key == name => Some(value),
        _ => None,
    });
    let Some(typed) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::bad_parameter(name, "given twice", meaning));
    }
    whole_number(typed).map(Some).ok_or_else(|| Problem::bad_parameter(name, typed, meaning))
}

/// Reads digits. A number too large to exist means the largest there is: the visitor wants an end of the thread.
fn whole_number(typed: &str) -> Option<u64> {
    let digits = !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| typed.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(after: Option<u64>, limit: u16) -> PageQuery {
        PageQuery { after: after.map(Seq), limit }
    }

    #[test]
    fn a_page_is_25_comments_unless_the_visitor_says_otherwise() {
        let rows = [
            (None, page(None, 25)),
            (Some(""), page(None, 25)),
            (Some("after=7"), page(Some(7), 25)),
            (Some("limit=50&after=0"), page(Some(0), 50)),
            (Some("utm_source=x&limit=3&&y"), page(None, 3)),
        ];
        for (query, expected) in rows {
            assert_eq!(PageQuery::parse(query).unwrap(), expected, "{query:?}");
        }
    }

    #[test]
    fn a_limit_is_clamped() {
        assert_eq!(PageQuery::parse(Some("limit=0")).unwrap(), page(None, 1));
        assert_eq!(PageQuery::parse(Some("limit=1001")).unwrap(), page(None, 1000));
        assert_eq!(PageQuery::parse(Some("limit=99999999999999999999999")).unwrap(), page(None, 1000));
        assert_eq!(PageQuery::parse(Some("after=99999999999999999999999")).unwrap(), page(Some(u64::MAX), 25));
    }

    #[test]
    fn a_bad_number_is_named_with_what_was_typed_and_what_is_expected() {
        for (query, name, typed) in [
            ("limit=ten", "limit", "ten"),
            ("after=-1", "after", "-1"),
            ("after=", "after", ""),
            ("after", "after", ""),
            ("limit=%31", "limit", "%31"),
            ("limit=1&limit=2", "limit", "given twice"),
        ] {
            let problem = PageQuery::parse(Some(query)).unwrap_err();
            assert_eq!(problem.status(), hyper::StatusCode::BAD_REQUEST);
            let detail = problem.detail();
            assert!(detail.contains(&format!("`{name}`")) && detail.contains(typed), "{detail}");
            assert!(detail.contains("whole number"), "{detail}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_query_is_a_page_within_the_limits_or_a_problem(query: String) {
            if let Ok(page) = PageQuery::parse(Some(&query)) {
                proptest::prop_assert!((1..=PAGE_LIMIT).contains(&page.limit));
            }
        }
    }
}
