//! The description of all that the front serves: OpenAPI 3.1, written by hand, embedded. What it says is checked against a
//! running front by a scenario, and that it says all of it here.

use std::sync::LazyLock;

use hyper::HeaderMap;
use proto::CommentId;

use crate::{
    answer::Answered,
    cache::{Fixed, Made, Tag},
};

const DESCRIPTION: &str = include_str!("openapi.json");

static ANSWER: LazyLock<Fixed> = LazyLock::new(|| {
    // Hashed as a file of the site is.
    let tag = Tag::Exact(CommentId::of(DESCRIPTION.as_bytes()).to_string());
    Fixed::new(Made::json(tag, DESCRIPTION))
});

/// `GET /openapi.json`.
///
/// # Errors
///
/// 406 when the visitor takes no coding that there is.
pub(crate) async fn answer(asked: &HeaderMap) -> Answered {
    ANSWER.answer(asked).await
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use hyper::Method;
    use serde_json::Value;

    use super::*;
    use crate::routes::{Route, SURFACE};

    fn description() -> Value {
        serde_json::from_str(DESCRIPTION).unwrap()
    }

    /// Every path, as routes write it, with the methods that are described.
    fn described() -> BTreeMap<String, BTreeSet<String>> {
        let description = description();
        let paths = description["paths"].as_object().unwrap().iter();
        let methods = |item: &Value| {
            let names = item.as_object().unwrap().keys();
            names.filter(|name| *name != "parameters").map(|name| name.to_uppercase()).collect()
        };
        paths.map(|(path, item)| (path.replace('{', "<").replace('}', ">"), methods(item))).collect()
    }

    #[test]
    fn every_path_of_the_surface_is_described_and_no_other() {
        let described: BTreeSet<_> = described().into_keys().collect();
        let surface: BTreeSet<_> = SURFACE.iter().map(|(pattern, _)| (*pattern).to_owned()).collect();
        assert_eq!(described, surface);
    }

    #[test]
    fn every_method_is_described_but_those_that_all_have() {
        let (hex, id) = ("ab".repeat(20), CommentId::of(b"x").to_string());
        for (pattern, methods) in described() {
            let path = pattern.replace("<topic>", &hex).replace("<id>", &id).replace("<name>", "index.html");
            let route = Route::find(&path.replace("<cid>", &id)).unwrap();
            let served = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
            let served = served.into_iter().filter(|method| route.check_method(method).is_ok());
            assert_eq!(served.map(|method| method.to_string()).collect::<BTreeSet<_>>(), methods, "{pattern}");
        }
    }

    #[test]
    fn what_it_refers_to_is_there_and_all_that_is_there_is_referred_to() {
        let description = description();
        let referred: BTreeSet<_> =
            DESCRIPTION.split("\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for pointer in &referred {
            assert!(description.pointer(pointer).is_some(), "{pointer}");
        }
        for (kind, members) in description["components"].as_object().unwrap() {
            for name in members.as_object().unwrap().keys() {
                assert!(referred.contains(format!("/components/{kind}/{name}").as_str()), "{kind}/{name}");
            }
        }
    }

    #[test]
    fn it_is_of_this_version() {
        assert_eq!(description()["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
