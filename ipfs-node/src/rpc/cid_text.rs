//! CIDs as text, in the base that the caller asked for.
//!
//! Asked by every command that answers with a CID.

use cid::multibase::Base;
use unixfs::{Cid, Version};

use super::Call;
use crate::refusal::Refusal;

/// How CIDs are written in one answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CidText {
    base: Option<Base>,
    upgrade: bool,
}

impl CidText {
    /// As the call asks for it.
    pub(crate) fn of(call: &Call) -> Result<Self, Refusal> {
        let base = call.text("cid-base").map(base).transpose()?;
        let is_other = base.is_some_and(|base| base != Base::Base58Btc);
        Ok(Self { base, upgrade: call.flag("upgrade-cidv0-in-output").unwrap_or(is_other) })
    }

    /// A CID as text.
    pub(crate) fn write(self, cid: &Cid) -> String {
        let cid = match cid.version() {
            Version::V0 if self.upgrade => Cid::new_v1(cid.codec(), *cid.hash()),
            _ => *cid,
        };
        match self.base {
            Some(base) if cid.version() == Version::V1 => {
                cid.to_string_of_base(base).unwrap_or_else(|_| cid.to_string())
            }
            _ => cid.to_string(),
        }
    }
}

/// A base by its name or its letter.
pub(super) fn base(name: &str) -> Result<Base, Refusal> {
    let known = [
        ("base16", Base::Base16Lower),
        ("base16upper", Base::Base16Upper),
        ("base32", Base::Base32Lower),
        ("base32upper", Base::Base32Upper),
        ("base32hex", Base::Base32HexLower),
        ("base36", Base::Base36Lower),
        ("base36upper", Base::Base36Upper),
        ("base58btc", Base::Base58Btc),
        ("base58flickr", Base::Base58Flickr),
        ("base64", Base::Base64),
        ("base64url", Base::Base64Url),
        ("base2", Base::Base2),
    ];
    let by_code = |(_, base): &(&str, Base)| name.len() == 1 && name.starts_with(base.code());
    let found = known.iter().find(|row| row.0 == name || by_code(row));
    found.map(|(_, base)| *base).ok_or_else(|| Refusal::failed(format!("unsupported multibase encoding: {name}")))
}
