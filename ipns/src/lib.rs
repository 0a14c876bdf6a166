//! Names: keys of every kind that peers have, the ids made of them, and the records that they sign. No I/O: time and
//! chance are handed in.
//!
//! Asked by `swarm`, which keeps records for others, and by `ipfs-node`, which makes and resolves them. Asks nobody.
//! What the bytes mean is in the specifications of libp2p (peer ids and keys) and of IPNS (records).

mod key;
mod moment;
mod name;
mod record;

pub use key::{KeyError, KeyFormat, KeyKind, KeyPair, PublicKey, RSA_BITS_DEFAULT, Signature};
pub use moment::{Moment, MomentError};
pub use name::{Name, NameError};
pub use record::{Compatibility, Draft, RECORD_BYTES_MAX, Record, RecordError, SignatureVersions, choose};
