//! `detach`: starts the supervising process in the background, and stays until its tree is ready.

use std::{
    env,
    io::Read as _,
    process::{Child, Command as Program, Stdio},
};

use daemon::{OrFail as _, config::Loaded};
use proto::supervision::{Command, exit};

use super::{
    Refusal,
    client::{Done, ask},
    show,
};
use crate::tree::banner;

/// Starts the tree in the background; done when it is ready.
///
/// # Errors
///
/// With the exit code of the supervisor that could not start, or of the box that cannot run.
pub fn up(loaded: &Loaded) -> Result<(), Refusal> {
    let mut child = start(loaded)?;
    // Its stdout ends when commands are heard, or with its life. What it has to say before goes to our stderr.
    let mut stdout = child.stdout.take().into_iter();
    let _ = stdout.try_for_each(|mut stdout| stdout.read_to_end(&mut Vec::new()).map(drop));
    match ask(loaded, &Command::AwaitReady) {
        Ok(_) => ready(loaded),
        Err(refusal) => Err(failed(&mut child, refusal)),
    }
}

fn start(loaded: &Loaded) -> Result<Child, Refusal> {
    let exe = env::current_exe().or_fail("cannot find the supervisor's own program")?;
    let mut program = Program::new(exe);
    program.args(["up", "--in-background"]).stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some(file) = &loaded.file {
        program.arg("--config").arg(file);
    }
    Ok(program.spawn().or_fail("cannot start the supervisor in the background")?)
}

fn ready(loaded: &Loaded) -> Result<(), Refusal> {
    let Done::Status(status) = ask(loaded, &Command::Status)? else { return Ok(()) };
    show::text(&format!("{}  {:<14}`supervisor down`\n", banner(&status), "to stop:"))
}

fn failed(child: &mut Child, mut refusal: Refusal) -> Refusal {
    match child.try_wait() {
        // It has said why.
        Ok(Some(status)) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::FAILED);
            Refusal { code: code.max(exit::FAILED), text: "the supervisor could not start".to_owned() }
        }
        _ => {
            refusal.text += "; the supervisor goes on trying: see `supervisor status`, end it with `supervisor down`";
            refusal
        }
    }
}
