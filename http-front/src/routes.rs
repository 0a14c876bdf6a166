//! Which paths exist. The front asks here first; nothing else takes a path apart.
//!
//! A new path is a variant of [`Route`], a row of [`SURFACE`], an arm in `find`, and an arm in `front.rs`.

use hyper::Method;
use proto::{AnyId, Topic};

use crate::{problem::Problem, site::Place};

/// A path that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// All comments of all topics.
    Root,
    /// A page's comments.
    Topic(Topic),
    /// One comment.
    Comment(Topic, AnyId),
    /// What has arrived, in order.
    Changes,
    /// How many comments some topics have.
    Counts,
    /// Whether the front lives.
    Live,
    /// Whether the tree can read and write comments.
    Ready,
    /// The metrics of all boxes.
    Metrics,
    /// Which build this is.
    Version,
    /// All of this, for programs.
    OpenApi,
    /// A block, or an archive of blocks.
    Ipfs,
    /// A page's comments for people without JavaScript.
    ThreadPage(Topic),
    /// A page's newest comments for readers of news.
    Feed(Topic),
    /// What happens on a page, as it happens.
    Events(Topic),
    /// A file of the site.
    Site(Place),
    /// The site in a frame.
    Frame,
    /// What puts the frame under an article.
    FrameScript,
}

/// Every path, with what it is: what a lost visitor is told.
pub(crate) const SURFACE: &[(&str, &str)] = &[
    ("/", "the CID of all comments"),
    ("/<topic>", "GET the comments of a page, POST one; the topic is the SHA-1 of the page's address"),
    ("/<topic>/<id>", "one comment, by either id"),
    ("/changes", "what has arrived, in order: what other servers follow"),
    ("/counts", "POST an array of topics, get the numbers of their comments; GET with ?topics= for a few"),
    ("/health/live", "whether the server lives"),
    ("/health/ready", "whether comments can be read and written"),
    ("/metrics", "OpenMetrics"),
    ("/version", "which build this is"),
    ("/openapi.json", "all of this, for programs"),
    ("/ipfs/<cid>", "a block or an archive of blocks, which you can check: trustless gateway of IPFS"),
    ("/t/<topic>", "the comments of a page as HTML"),
    ("/<topic>/feed", "the newest comments of a page, Atom"),
    ("/<topic>/events", "what happens on a page, as it happens: server-sent events"),
    ("/site/<name>", "a file of the site"),
    ("/embed", "the site in a frame, for the pages of others"),
    ("/embed.js", "the script that puts the frame there"),
];

/// What the files of the site are below.
const SITE: &str = "/site/";
/// What all content of IPFS is below.
const IPFS: &str = "/ipfs/";
/// What the threads are below that people read without JavaScript.
const THREAD_PAGES: &str = "/t/";

impl Route {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// 404 with the list of what exists, or 400 when it nearly is one: a topic or an id in upper case.
    pub(crate) fn find(path: &str) -> Result<Self, Problem> {
        match path {
            "/" => Ok(Self::Root),
            "/changes" => Ok(Self::Changes),
            "/counts" => Ok(Self::Counts),
            "/health/live" => Ok(Self::Live),
            "/health/ready" => Ok(Self::Ready),
            "/metrics" => Ok(Self::Metrics),
            "/version" => Ok(Self::Version),
            "/openapi.json" => Ok(Self::OpenApi),
            "/embed" => Ok(Self::Frame),
            "/embed.js" => Ok(Self::FrameScript),
            _ if path.starts_with(IPFS) => Ok(Self::Ipfs),
            _ if path.starts_with(SITE) => Self::below_the_site(path),
            _ if path.starts_with(THREAD_PAGES) => Self::below_thread_pages(path),
            _ => Self::below_a_topic(path),
        }
    }

    fn below_the_site(path: &str) -> Result<Self, Problem> {
        let name = path.strip_prefix(SITE).and_then(Place::find);
        name.map(Self::Site).ok_or_else(|| no_such_path(path))
    }

    fn below_thread_pages(path: &str) -> Result<Self, Problem> {
        let typed = path.strip_prefix(THREAD_PAGES).ok_or_else(|| no_such_path(path))?;
        typed.parse().map(Self::ThreadPage).map_err(|_| stray(path, typed, "topic"))
    }

    fn below_a_topic(path: &str) -> Result<Self, Problem> {
        let rest = path.strip_prefix('/').ok_or_else(|| no_such_path(path))?;
        let (topic_text, id_text) = rest.split_once('/').map_or((rest, None), |(topic, id)| (topic, Some(id)));
        let topic = topic_text.parse().map_err(|_| stray(path, topic_text, "topic"))?;
        let Some(id_text) = id_text else { return Ok(Self::Topic(topic)) };
        match id_text {
            "feed" => return Ok(Self::Feed(topic)),
            "events" => return Ok(Self::Events(topic)),
            _ => {}
        }
        let id = id_text.parse().map_err(|_| stray(path, id_text, "comment id"))?;
        Ok(Self::Comment(topic, id))
    }

    /// What metrics and logs call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Topic(_) => "topic",
            Self::Comment(..) => "comment",
            Self::Changes => "changes",
            Self::Counts => "counts",
            Self::Live => "health_live",
            Self::Ready => "health_ready",
            Self::Metrics => "metrics",
            Self::Version => "version",
            Self::OpenApi => "openapi",
            Self::Ipfs => "ipfs",
            Self::ThreadPage(_) => "thread_page",
            Self::Feed(_) => "feed",
            Self::Events(_) => "events",
            Self::Site(_) => "site",
            Self::Frame => "embed",
            Self::FrameScript => "embed_js",
        }
    }

    /// The methods that it has, as the header `Allow` lists them.
    pub(crate) fn allow(&self) -> &'static str {
        match self {
            Self::Topic(_) | Self::Counts => "GET, HEAD, POST, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// How [`SURFACE`] writes it.
    fn pattern(&self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Topic(_) => "/<topic>",
            Self::Comment(..) => "/<topic>/<id>",
            Self::Changes => "/changes",
            Self::Counts => "/counts",
            Self::Live => "/health/live",
            Self::Ready => "/health/ready",
            Self::Metrics => "/metrics",
            Self::Version => "/version",
            Self::OpenApi => "/openapi.json",
            Self::Ipfs => "/ipfs/<cid>",
            Self::ThreadPage(_) => "/t/<topic>",
            Self::Feed(_) => "/<topic>/feed",
            Self::Events(_) => "/<topic>/events",
            Self::Site(_) => "/site/<name>",
            Self::Frame => "/embed",
            Self::FrameScript => "/embed.js",
        }
    }

    /// Refuses a method that the path does not have.
    ///
    /// # Errors
    ///
    /// 405 with the methods that it has.
    pub(crate) fn check_method(&self, method: &Method) -> Result<(), Problem> {
        let allow = self.allow();
        match allow.split(", ").any(|allowed| allowed == method.as_str()) {
            true => Ok(()),
            false => Err(Problem::method_not_allowed(method, self.pattern(), allow)),
        }
    }
}

/// Something stands where a topic or an id belongs: wrong case is said so, anything else is an unknown path.
fn stray(path: &str, typed: &str, kind: &'static str) -> Problem {
    let hex_in_upper_case = typed.len() == 40
        && typed.bytes().all(|byte| byte.is_ascii_hexdigit())
        && typed.bytes().any(|byte| byte.is_ascii_uppercase());
    match hex_in_upper_case {
        true => Problem::wrong_case(typed, kind),
        false => no_such_path(path),
    }
}

fn no_such_path(path: &str) -> Problem {
    let known: Vec<_> = SURFACE.iter().map(|(pattern, about)| format!("{pattern} ({about})")).collect();
    Problem::no_such_path(path, &known.join(", "))
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    const HEX: &str = "9d4c8a2f8a2f8a2f8a2f8a2f8a2f8a2f8a2f8a2f";

    #[test]
    fn every_path_of_the_surface_is_found() {
        let id = proto::CommentId::of(b"x").to_string();
        for (pattern, _) in SURFACE {
            let path = pattern.replace("<topic>", HEX).replace("<id>", &id).replace("<name>", "index.html");
            assert_eq!(Route::find(&path).unwrap().pattern(), *pattern);
        }
    }

    #[test]
    fn a_comment_is_named_by_either_id() {
        let (topic, id) = (HEX.parse().unwrap(), proto::CommentId::of(b"x"));
        assert_eq!(Route::find(&format!("/{HEX}/{id}")).unwrap(), Route::Comment(topic, AnyId::Comment(id)));
        let legacy = AnyId::Legacy(HEX.parse().unwrap());
        assert_eq!(Route::find(&format!("/{HEX}/{HEX}")).unwrap(), Route::Comment(topic, legacy));
    }

    #[test]
    fn a_topic_in_upper_case_is_told_to_use_lower_case() {
        for path in [format!("/{}", HEX.to_uppercase()), format!("/{HEX}/{}", HEX.to_uppercase())] {
            let problem = Route::find(&path).unwrap_err();
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
            assert!(problem.detail().contains("lower-case"), "{}", problem.detail());
        }
    }

    #[test]
    fn an_unknown_path_is_told_what_exists() {
        for path in ["/x", "*", "", "//", "/health", "/9d4c", &format!("/{HEX}/"), &format!("/{HEX}/x"), "/metrics/"] {
            let problem = Route::find(path).unwrap_err();
            assert_eq!(problem.status(), StatusCode::NOT_FOUND, "{path}");
            for (pattern, _) in SURFACE {
                assert!(problem.detail().contains(pattern), "{}", problem.detail());
            }
        }
    }

    #[test]
    fn only_a_topic_takes_a_post() {
        let topic = Route::find(&format!("/{HEX}")).unwrap();
        assert!(topic.check_method(&Method::POST).is_ok());
        assert!(topic.check_method(&Method::HEAD).is_ok());
        let problem = Route::Root.check_method(&Method::POST).unwrap_err();
        assert_eq!(problem.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert!(topic.check_method(&Method::from_bytes(b"GE").unwrap()).is_err());
    }
}
