//! The step between this program and Kubo, in a process of its own: it ties its life to the keeper's, puts the listeners
//! where Kubo looks for them, and then becomes Kubo.
//!
//! Kubo takes over listeners as systemd hands them down: descriptors from 3 on, and `LISTEN_PID` must be its own number,
//! which nobody knows before the process is there. So the listeners outlive every Kubo, and whoever connects while one ends
//! and the next begins waits in them.

use std::{
    env,
    ffi::OsString,
    io,
    os::{
        fd::{FromRawFd as _, IntoRawFd as _, OwnedFd, RawFd},
        unix::process::CommandExt as _,
    },
    process::{Command, ExitCode},
};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// The argument by which this program asks itself for the step: never to be typed.
pub const ASKED: &str = "--become-kubo";
/// The names under which Kubo looks for its listeners, in the order of the descriptors that are given.
const NAMES: &str = "io.ipfs.api:io.ipfs.gateway";
/// The first descriptor that is handed down.
const FIRST: RawFd = 3;
/// What is handed to the step stands above this, out of the way of where it has to go.
pub const ABOVE: RawFd = 16;

/// Does the step if that was asked for; returns only if it was not, or failed.
#[must_use]
pub fn asked() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    (arguments.next()? == ASKED).then(|| {
        let error = become_kubo(arguments);
        eprintln!("Error: cannot become Kubo: {error}");
        ExitCode::FAILURE
    })
}

/// `PARENT RPC GATEWAY PROGRAM ARGUMENTS…`
fn become_kubo(mut arguments: impl Iterator<Item = OsString>) -> io::Error {
    let number = |text: Option<OsString>| text?.to_str()?.parse::<i32>().ok();
    let (parent, rpc, gateway) = (number(arguments.next()), number(arguments.next()), number(arguments.next()));
    let (Some(parent), Some(rpc), Some(gateway), Some(program)) = (parent, rpc, gateway, arguments.next()) else {
        return io::Error::new(io::ErrorKind::InvalidInput, "this is for the keeper's own use");
    };
    if let Err(error) = tie_to(parent).and_then(|()| place(&[rpc, gateway])) {
        return error;
    }
    Command::new(program)
        .args(arguments)
        .env("LISTEN_PID", std::process::id().to_string())
        .env("LISTEN_FDS", "2")
        .env("LISTEN_FDNAMES", NAMES)
        .exec()
}

/// Whatever ends the keeper ends this process; the kernel sees to it, over the exec too.
fn tie_to(parent: i32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The keeper may have died before the line above: then nobody would ever send the signal.
    match getppid() {
        Some(found) if found.as_raw_nonzero().get() == parent => Ok(()),
        _ => Err(io::Error::other("the keeper is gone")),
    }
}

fn place(descriptors: &[RawFd]) -> io::Result<()> {
    for (goal, &found) in (FIRST..).zip(descriptors) {
        if found < ABOVE {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a descriptor that is in the way"));
        }
        // SAFETY: this process has just begun and has one thread; nothing in it owns the descriptors from 3 to `ABOVE`, and
        // `found` was left open for it by the keeper alone.
        let placed = unsafe { nix::unistd::dup2_raw(OwnedFd::from_raw_fd(found), goal) }?;
        // It stays open when this process becomes another program.
        let _ = placed.into_raw_fd();
    }
    Ok(())
}
