//! One request, from its host and path to its answer.
//!
//! Asked by this module's `answer`. Reads from top to bottom as the specification does; each kind of content has a file of
//! its own. Keeps nothing beyond the request.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY},
    request::Parts,
};
use unixfs::Item;

use super::{
    Hosts, Look, Reply, Source, codec,
    file::Given,
    hosts::{Lead, Origin},
    listing,
    names::{AskedPath, Space, base_36, peer_cid},
    preview,
    resolve::{End, block, resolve},
    step::{Stop, redirect},
    tar,
    trouble::{self, Told},
};
use crate::{
    Answer, Ask, ContentPath, Exchange, Format, Next, Refusal, ask,
    conditions::{Compare, names},
    format::{self, Kind, Query, Wish},
    headers,
};

/// How long an answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// For ever: what a CID names does not change.
    Forever,
    /// As long as its name says, where that is known.
    Named { ttl_s: Option<u64> },
}

impl Life {
    /// `Cache-Control` of content.
    pub(super) fn content(self) -> Option<HeaderValue> {
        match self {
            Self::Forever => Some(headers::IMMUTABLE),
            Self::Named { ttl_s } => ttl_s.map(|ttl_s| headers::text(format!("public, max-age={ttl_s}"))),
        }
    }

    /// `Cache-Control` of a page that this software writes, and may write better tomorrow.
    pub(super) fn listing(self) -> Option<HeaderValue> {
        let max_age_s = match self {
            Self::Forever => Some(604_800),
            Self::Named { ttl_s } => ttl_s,
        };
        max_age_s.map(|age_s| headers::text(format!("public, max-age={age_s}, stale-while-revalidate=2678400")))
    }
}

/// One request.
pub(super) struct Visit<'a, S> {
    pub(super) source: &'a S,
    pub(super) head: &'a Parts,
    pub(super) query: Query,
    pub(super) path: AskedPath,
    pub(super) origin: Origin,
    pub(super) life: Life,
    pub(super) look: Look,
    wish: Wish,
    /// `X-Ipfs-Roots`, once the path is followed.
    roots: Option<HeaderValue>,
}

impl<'a, S: Source> Visit<'a, S> {
    /// Answers a request.
    pub(super) fn answer(hosts: &Hosts, source: &'a S, head: &'a Parts) -> Result<Reply, S::Fault> {
        let mut beside = HeaderMap::new();
        let stop = match Self::begin(hosts, source, head, &mut beside).and_then(Self::serve) {
            Ok(reply) => return Ok(reply),
            Err(stop) => stop,
        };
        let no = match stop {
            Stop::Early(reply) => return Ok(*reply),
            Stop::Fault(fault) => return Err(fault),
            Stop::No(no) => *no,
        };
        let no = if ask::is_only_if_cached(&head.headers) { no.unless_elsewhere() } else { no };
        let accepts_html = head.headers.get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let told =
            if accepts_html.is_some_and(|accept| accept.contains("text/html")) { Told::Page } else { Told::Text };
        Ok(Reply::Whole(trouble::answer(&no, told, beside)))
    }

    /// Reads a request as far as no block is needed. What a refusal is told with goes to `beside`.
    fn begin(hosts: &Hosts, source: &'a S, head: &'a Parts, beside: &mut HeaderMap) -> Result<Self, Stop<S::Fault>> {
        let query = Query::read(head.uri.query().unwrap_or_default());
        protocol_handler(&query)?;
        let look = if ask::is_only_if_cached(&head.headers) { Look::Here } else { Look::Everywhere };
        let (uri_path, origin) = match hosts.lead(source, head, look)? {
            Lead::To { path, origin } => (path, origin),
            Lead::Elsewhere(to) => return Err(redirect(StatusCode::MOVED_PERMANENTLY, &to)?.into()),
            Lead::Nowhere => return Err(Refusal::Nowhere.into()),
        };
        check_service_worker(head, &uri_path)?;
        superfluous_space(head, &uri_path)?;
        let path = AskedPath::read(&uri_path)?;
        beside.insert(headers::X_IPFS_PATH, headers::path_text(&path.text));
        let wish = format::wish(&query, &head.headers)?;
        let visit = Self { source, head, query, path, origin, life: Life::Forever, look, wish, roots: None };
        visit.key_in_base_36()?;
        Ok(visit)
    }

    fn serve(mut self) -> Result<Reply, Stop<S::Fault>> {
        let kind = match &self.wish {
            Wish::Any => None,
            Wish::Kind(kind, _) => Some(*kind),
            Wish::Unknown => return Err(Refusal::Unheard.into()),
        };
        if kind == Some(Kind::IpnsRecord) {
            return self.record();
        }
        let content = self.content()?;
        if kind == Some(Kind::Car) {
            return self.checked(Kind::Car, |ask| Ok(Exchange::new(ask)), content);
        }
        let end = match resolve(self.source, &content, self.look) {
            Err(Stop::No(no)) if self.has_rules(kind) && no.status() == StatusCode::NOT_FOUND => {
                self.by_rules(&content, Stop::No(no))?
            }
            other => other?,
        };
        self.unless_known(&end, kind)?;
        self.roots = Some(headers::roots(&end.roots));
        match kind {
            Some(Kind::Raw) => {
                let (cid, roots) = (end.cid, end.roots);
                self.checked(Kind::Raw, |ask| Exchange::arrived(ask, cid, roots), content)
            }
            Some(Kind::Tar) => self.tar(&end),
            Some(Kind::DagJson | Kind::DagCbor) => self.value(&end, kind),
            _ if codec::kind_of(end.cid.codec()).is_some() => self.value(&end, kind),
            _ => self.unixfs(&end),
        }
    }

    /// The path in terms of content, and how long it stays so.
    fn content(&mut self) -> Result<ContentPath, Stop<S::Fault>> {
        if self.path.space == Space::Ipfs {
            return Ok(self.path.content()?);
        }
        let root = &self.path.root;
        let named = self.source.name(root, self.look).map_err(Stop::Fault)?;
        let named = named.ok_or_else(|| Refusal::Name(root.clone()))?;
        self.life = Life::Named { ttl_s: named.ttl_s.filter(|ttl_s| *ttl_s > 0) };
        Ok(self.path.below(&named.path)?)
    }

    /// A file, a folder, or a symbolic link.
    fn unixfs(&self, end: &End) -> Result<Reply, Stop<S::Fault>> {
        let bytes = block(self.source, &end.cid, self.look)?;
        let name = self.path.last_name();
        let tag = format!("\"{}\"", end.cid);
        match Item::read(&end.cid, &bytes) {
            Ok(Item::File(file)) => self.file(&end.cid, &file, &Given { tag, name: &name, content_type: None }),
            Ok(Item::Folder(_) | Item::Shard(_)) => self.folder(&end.cid, &bytes),
            Ok(Item::Symlink(target)) => {
                let mut all = self.headers();
                all.extend(self.life.content().map(|keep| (CACHE_CONTROL, keep)));
                all.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("inode/symlink"));
                self.bytes(&target, all, &tag)
            }
            Err(_) => Err(Refusal::Opaque(end.cid).into()),
        }
    }

    /// What proves itself, as the trustless gateway gives it.
    fn checked(
        &self,
        kind: Kind,
        begin: impl FnOnce(Ask) -> Result<Exchange, Refusal>,
        content: ContentPath,
    ) -> Result<Reply, Stop<S::Fault>> {
        let params = if let Wish::Kind(_, params) = &self.wish { params.as_slice() } else { &[] };
        let format = format::checked(kind, &self.query, params)?.unwrap_or(Format::Raw);
        let ask = Ask::of(content, format, &self.head.method, &self.query, &self.head.headers);
        let mut exchange = begin(ask)?;
        loop {
            match exchange.step()? {
                Next::Answer(Answer::Whole(answer)) => {
                    let (mut head, body) = answer.into_parts();
                    self.rename(&mut head.headers);
                    return Ok(Reply::Whole(Response::from_parts(head, body)));
                }
                Next::Answer(Answer::Archive(mut head, walk)) => {
                    self.rename(head.headers_mut());
                    return Ok(Reply::Archive(head, walk));
                }
                Next::Need(cid) => match self.source.block(&cid, self.look).map_err(Stop::Fault)? {
                    Some(bytes) => exchange.supply(&cid, bytes)?,
                    None => exchange.missing()?,
                },
            }
        }
    }

    /// The trustless gateway knows nothing of names: here is how the content was asked for, and how long it stays.
    fn rename(&self, all: &mut HeaderMap) {
        all.extend(self.headers());
        if self.life == Life::Forever {
            return;
        }
        all.remove(CACHE_CONTROL);
        all.extend(self.life.content().map(|keep| (CACHE_CONTROL, keep)));
    }

    /// What every answer says.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut all = HeaderMap::new();
        all.insert(headers::X_IPFS_PATH, headers::path_text(&self.path.text));
        all.extend(self.roots.clone().map(|roots| (headers::X_IPFS_ROOTS, roots)));
        all.insert(VARY, HeaderValue::from_static("Accept"));
        all.extend(self.location());
        all
    }

    fn location(&self) -> Option<(HeaderName, HeaderValue)> {
        let Wish::Kind(kind, params) = &self.wish else { return None };
        headers::location(self.head.uri.path(), &self.query, *kind, params)
    }

    /// Ends a request whose client has all that it would get, in whatever form.
    fn unless_known(&self, end: &End, kind: Option<Kind>) -> Result<(), Stop<S::Fault>> {
        let cid = &end.cid;
        let own = match kind.or_else(|| codec::kind_of(cid.codec())) {
            None => format!("\"{cid}\""),
            Some(Kind::Tar) => tar::tag(cid),
            Some(kind) => codec::tag(cid, kind),
        };
        let lists = [(own, self.life.content()), (listing::tag(cid), self.life.listing()), (preview::tag(cid), None)];
        let is_known = |tag: &str| names(&self.head.headers, IF_NONE_MATCH, tag, Compare::Weak) == Some(true);
        let Some((tag, keep)) = lists.into_iter().find(|(tag, _)| is_known(tag)) else { return Ok(()) };
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        let all = answer.headers_mut();
        *all = self.headers();
        all.insert(ETAG, headers::text(tag));
        all.extend(keep.map(|keep| (CACHE_CONTROL, keep)));
        Err(Reply::Whole(answer).into())
    }

    /// Rules are obeyed for what a browser wants, and only where they cannot reach into another root's pages.
    fn has_rules(&self, kind: Option<Kind>) -> bool {
        kind.is_none() && self.origin != Origin::Shared
    }

    pub(super) fn is_head(&self) -> bool {
        self.head.method == Method::HEAD
    }

    pub(super) fn is_download(&self) -> bool {
        self.query.get("download") == Some("true")
    }

    /// Where links to other roots lead; none on a domain that is no gateway.
    pub(super) fn gateway_name(&self) -> Option<String> {
        match &self.origin {
            Origin::Shared => Some(String::new()),
            Origin::Own { gateway } => gateway.as_ref().map(|host| format!("//{host}")),
        }
    }

    /// A key is asked for under one name: its CID in base 36, as in the name of a host.
    fn key_in_base_36(&self) -> Result<(), Stop<S::Fault>> {
        let is_domain = matches!(&self.origin, Origin::Own { gateway: None });
        if is_domain || self.path.space != Space::Ipns {
            return Ok(());
        }
        let Some(key) = peer_cid(&self.path.root).map(|cid| base_36(&cid)) else { return Ok(()) };
        if key == self.path.root {
            return Ok(());
        }
        let uri = &self.head.uri;
        let rest = uri.path().splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).unwrap_or_default();
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Err(redirect(StatusCode::FOUND, &format!("/ipns/{key}{rest}{query}"))?.into())
    }
}

/// `/ipfs/?uri=ipfs://<cid>`, as browsers send it for links of their own scheme.
fn protocol_handler<F>(query: &Query) -> Result<(), Stop<F>> {
    let Some(uri) = query.not_empty("uri") else { return Ok(()) };
    let Some((space @ ("ipfs" | "ipns"), rest)) = uri.split_once("://") else { return Err(Refusal::Scheme.into()) };
    let rest = rest.trim_start_matches('/');
    Err(redirect(StatusCode::MOVED_PERMANENTLY, &format!("/{space}/{rest}"))?.into())
}

/// A worker of the whole gateway would read the pages of all roots.
fn check_service_worker(head: &Parts, path: &str) -> Result<(), Refusal> {
    let is_script = head.headers.get("service-worker").is_some_and(|value| value == "script");
    let is_root = path.trim_start_matches('/').split('/').count() == 2;
    if is_script && is_root { Err(Refusal::ServiceWorker) } else { Ok(()) }
}

/// `/ipfs/ipfs/<cid>`, as people write it by mistake.
fn superfluous_space<F>(head: &Parts, path: &str) -> Result<(), Stop<F>> {
    if !path.starts_with("/ipfs/ipfs/") && !path.starts_with("/ipfs/ipns/") {
        return Ok(());
    }
    let intended = &path["/ipfs".len()..];
    AskedPath::read(intended)?.check()?;
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Err(redirect(StatusCode::MOVED_PERMANENTLY, &format!("{intended}{query}"))?.into())
}
