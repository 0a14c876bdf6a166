//! The peers that were known when the node stopped, for the next start: a file of addresses, one a line.
//!
//! Asked by [`super::Peer`]. Losing the file costs a search and nothing else, so a damaged one is read as far as it goes.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use swarm::{Multiaddr, PeerId};

/// Peers and addresses of each that are kept; more make a start no quicker.
const PEERS: usize = 512;
const ADDRESSES: usize = 8;
/// A longer file was not written here.
const FILE_BYTES: u64 = 4 << 20;

/// A peer and where it was.
pub(super) type Known = (PeerId, Vec<Multiaddr>);

/// What was saved.
pub(super) fn read(path: &Path) -> Vec<Known> {
    match fs::metadata(path) {
        Ok(found) if found.len() <= FILE_BYTES => parse(&fs::read_to_string(path).unwrap_or_default()),
        _ => Vec::new(),
    }
}

fn parse(text: &str) -> Vec<Known> {
    let mut all: Vec<Known> = Vec::new();
    for (address, id) in text.lines().filter_map(|line| line.rsplit_once("/p2p/")) {
        let (Ok(address), Ok(id)) = (address.parse(), id.parse()) else { continue };
        match all.iter().position(|(known, _)| *known == id) {
            Some(at) if all[at].1.len() < ADDRESSES => all[at].1.push(address),
            None if all.len() < PEERS => all.push((id, vec![address])),
            Some(_) | None => {}
        }
    }
    all
}

/// Saves what is known, whole or not at all.
pub(super) fn write(path: &Path, known: &[Known]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = io::BufWriter::new(fs::File::create(&fresh)?);
    for (id, addresses) in known.iter().take(PEERS) {
        for address in addresses.iter().take(ADDRESSES) {
            writeln!(file, "{address}/p2p/{id}")?;
        }
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers");
        assert_eq!(read(&path), Vec::new());
        let address = |port: u16| format!("/ip4/192.0.2.7/tcp/{port}").parse().unwrap();
        let known = vec![(PeerId::random(), vec![address(1), address(2)]), (PeerId::random(), vec![address(3)])];
        write(&path, &known).unwrap();
        assert_eq!(read(&path), known);
    }

    #[test]
    fn a_damaged_file_is_read_as_far_as_it_goes() {
        let id = PeerId::random();
        let text = format!("junk\n/ip4/192.0.2.7/tcp/1/p2p/{id}\n/ip4/192.0.2.7/tcp/2/p2p/nobody\n/ip4/192.0.2.7/tc");
        assert_eq!(parse(&text), vec![(id, vec!["/ip4/192.0.2.7/tcp/1".parse().unwrap()])]);
    }
}
