//! `key/*`: keys of names.

use std::sync::Arc;

use cid::multibase::{self, Base};
use ipns::{KeyFormat, KeyKind, KeyPair, Name, PublicKey, RSA_BITS_DEFAULT};
use serde::Serialize;

use super::{Arg, Call, Command, Kind, Node, Opt, Refusal, Reply, Upload};
use crate::{
    names::{KeyStoreError, Overwrite, SELF},
    rpc::cid_text,
};

/// What somebody may have signed in one piece.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
const KEY_BYTES_MAX: usize = 64 << 10;
/// Before every message, so that a signature that was had for one purpose serves no other.
const SIGNED_PREFIX: &[u8] = b"libp2p-key signed message:";
/// The bits of every key that is not RSA.
const FIXED_BITS: i64 = 256;
const BASE: Opt = ("ipns-base", "", Kind::Text);
const FORMAT: Opt = ("format", "f", Kind::Text);
const LIST: &[Opt] = &[("l", "", Kind::Flag), BASE];

pub(super) static COMMANDS: &[Command] = &[
    Command {
        path: "key/gen",
        args: &[Arg::One("name")],
        options: &[("type", "t", Kind::Text), ("size", "s", Kind::Int), BASE],
        run: generate,
    },
    Command { path: "key/ls", args: &[], options: LIST, run: list },
    Command { path: "key/list", args: &[], options: LIST, run: list },
    Command {
        path: "key/rename",
        args: &[Arg::One("name"), Arg::One("newName")],
        options: &[("force", "f", Kind::Flag), BASE],
        run: rename,
    },
    Command { path: "key/rm", args: &[Arg::Many("name")], options: LIST, run: remove },
    Command {
        path: "key/export",
        args: &[Arg::One("name")],
        options: &[("output", "o", Kind::Text), FORMAT],
        run: export,
    },
    Command {
        path: "key/import",
        args: &[Arg::One("name"), Arg::File("key")],
        options: &[FORMAT, ("allow-any-key-type", "", Kind::Flag), BASE],
        run: import,
    },
    Command { path: "key/sign", args: &[Arg::File("data")], options: &[("key", "k", Kind::Text), BASE], run: sign },
    Command {
        path: "key/verify",
        args: &[Arg::File("data")],
        options: &[("key", "k", Kind::Text), ("signature", "s", Kind::Text), BASE],
        run: verify,
    },
];

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    name: String,
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    keys: Vec<Key>,
}

/// How names are written in one answer.
struct NameText(Option<Base>);

impl NameText {
    fn of(call: &Call) -> Result<Self, Refusal> {
        match call.text("ipns-base") {
            None => Ok(Self(Some(Base::Base36Lower))),
            Some("b58mh" | "v0") => Ok(Self(None)),
            Some(name) => cid_text::base(name).map(|base| Self(Some(base))),
        }
    }

    fn key(&self, kept_as: &str, name: &Name) -> Key {
        let id = self.0.map_or_else(|| name.peer_id(), |base| name.cid_text(base));
        Key { name: kept_as.to_owned(), id }
    }
}

impl From<KeyStoreError> for Refusal {
    fn from(error: KeyStoreError) -> Self {
        Self::from_error(&error)
    }
}

fn not_self(name: &str, what: &str) -> Result<(), Refusal> {
    if name == SELF { Err(Refusal::failed(format!("cannot {what} key with name 'self'"))) } else { Ok(()) }
}

fn generate(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (name, text) = (call.arg(0), NameText::of(call)?);
    not_self(name, "create")?;
    let kind = kind(call.text("type").unwrap_or("ed25519"), call.number("size")?)?;
    if node.names.keys.get(name)?.is_some() {
        return Err(KeyStoreError::Exists(name.to_owned()).into());
    }
    let key = KeyPair::generate(kind, &rand::random()).map_err(|error| Refusal::from_error(&error))?;
    node.names.keys.put(name, &key)?;
    reply.single(&text.key(name, &key.name()))
}

fn kind(name: &str, bits: Option<i64>) -> Result<KeyKind, Refusal> {
    let bits = bits.filter(|bits| *bits != -1);
    let fixed = |kind| match bits {
        None | Some(FIXED_BITS) => Ok(kind),
        Some(bits) => {
            Err(Refusal::failed(format!("invalid key size {bits}: {name} keys are always {FIXED_BITS} bits")))
        }
    };
    match name {
        "ed25519" => fixed(KeyKind::Ed25519),
        "secp256k1" => fixed(KeyKind::Secp256k1),
        "rsa" => {
            let bits = bits.map_or(RSA_BITS_DEFAULT, |bits| usize::try_from(bits).unwrap_or_default());
            Ok(KeyKind::Rsa { bits })
        }
        other => Err(Refusal::failed(format!("unrecognized key type: {other}"))),
    }
}

fn list(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let text = NameText::of(call)?;
    let keys = node.names.all_keys()?;
    reply.single(&Keys { keys: keys.iter().map(|(kept_as, key)| text.key(kept_as, &key.name())).collect() })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Renamed {
    was: String,
    now: String,
    id: String,
    overwrite: bool,
}

fn rename(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (was, now, text) = (call.arg(0), call.arg(1), NameText::of(call)?);
    not_self(was, "rename")?;
    not_self(now, "overwrite")?;
    let key = node.names.keys.get(was)?.ok_or_else(|| KeyStoreError::Unknown(was.to_owned()))?;
    let allowed = if call.is_on("force") { Overwrite::Allowed } else { Overwrite::Refused };
    let overwrite = node.names.keys.rename(was, now, allowed).map_err(|error| match error {
        KeyStoreError::Exists(_) => Refusal::failed("key by that name already exists, refusing to overwrite"),
        other => other.into(),
    })?;
    reply.single(&Renamed { was: was.into(), now: now.into(), id: text.key(now, &key.name()).id, overwrite })
}

fn remove(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let text = NameText::of(call)?;
    let mut keys = Vec::new();
    for name in call.args() {
        not_self(name, "remove")?;
        let key = node.names.keys.get(name)?.ok_or_else(|| KeyStoreError::Unknown(name.clone()))?;
        node.names.keys.remove(name)?;
        keys.push(text.key(name, &key.name()));
    }
    reply.single(&Keys { keys })
}

fn format(call: &Call, doing: &str) -> Result<KeyFormat, Refusal> {
    let text = call.text("format").unwrap_or("libp2p-protobuf-cleartext");
    text.parse().map_err(|text| Refusal::failed(format!("unrecognized {doing} format: {text}")))
}

fn export(node: &Arc<Node>, call: &Call, _: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let name = call.arg(0);
    not_self(name, "export")?;
    let key = node.names.keys.get(name)?;
    let key = key.ok_or_else(|| Refusal::failed(format!("key with name '{name}' doesn't exist")))?;
    let bytes = key.export(format(call, "export")?);
    reply.stream("application/octet-stream", Some(bytes.len() as u64));
    reply.bytes(bytes.to_vec().into())
}

fn import(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (name, text) = (call.arg(0), NameText::of(call)?);
    not_self(name, "import")?;
    let bytes = super::file(upload, KEY_BYTES_MAX)?;
    let key = KeyPair::import(format(call, "import")?, &bytes).map_err(|error| Refusal::from_error(&error))?;
    node.names.keys.put(name, &key)?;
    reply.single(&text.key(name, &key.name()))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Signed {
    key: Key,
    signature: String,
}

fn sign(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (name, text) = (call.text("key").filter(|name| !name.is_empty()).unwrap_or(SELF), NameText::of(call)?);
    let key = node.names.key_named(name)?.ok_or_else(|| Refusal::failed("no key by the given name was found"))?;
    let signature = key.sign(&message(upload)?);
    reply.single(&Signed { key: text.key(name, &key.name()), signature: multibase::encode(Base::Base64Url, signature) })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Verified {
    key: Key,
    signature_valid: bool,
}

fn verify(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let (asked, text) = (call.text("key").filter(|name| !name.is_empty()).unwrap_or(SELF), NameText::of(call)?);
    let (_, signature) = multibase::decode(call.text("signature").unwrap_or_default())
        .map_err(|error| Refusal::failed(format!("the signature is no multibase text: {error}")))?;
    let (kept_as, key) = public_key(node, asked)?;
    reply.single(&Verified {
        key: text.key(kept_as, &key.name()),
        signature_valid: key.verify(&message(upload)?, &signature),
    })
}

/// The key that is kept under a name, or that a name holds.
fn public_key<'a>(node: &Node, asked: &'a str) -> Result<(&'a str, PublicKey), Refusal> {
    if let Some(key) = node.names.key_named(asked)? {
        return Ok((asked, key.public()));
    }
    let name = Name::parse(asked)
        .map_err(|_| Refusal::failed(format!("'{asked:?}' is not a known key, an IPNS Name, or a valid PeerID")))?;
    let key = name.public_key().ok_or_else(|| Refusal::failed("public key is not embedded in peer ID"))?;
    Ok(("", key))
}

fn message(upload: &mut Upload) -> Result<Vec<u8>, Refusal> {
    Ok([SIGNED_PREFIX, &super::file(upload, MESSAGE_BYTES_MAX)?].concat())
}
