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
    if !hears_commands(&mut child) {
        return Err(could_not_start(&mut child));
    }
    match ask(loaded, &Command::AwaitReady) {
        Ok(_) => ready(loaded),
        Err(refusal) => Err(goes_on(&mut child, refusal)),
    }
}

/// Its stdout says a word when commands are heard, and ends in silence with its life.
fn hears_commands(child: &mut Child) -> bool {
    let mut word = Vec::new();
    // An error is a kind of silence, too.
    let _ = child.stdout.take().map(|mut stdout| stdout.read_to_end(&mut word));
    !word.is_empty()
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

/// It has said on our stderr why.
fn could_not_start(child: &mut Child) -> Refusal {
    let code = child.wait().ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    Refusal { code: code.unwrap_or_default().max(exit::FAILED), text: "the supervisor could not start".to_owned() }
}

fn goes_on(child: &mut Child, mut refusal: Refusal) -> Refusal {
    if let Ok(Some(_)) = child.try_wait() {
        return could_not_start(child);
    }
    refusal.text += "; the supervisor goes on trying: see `supervisor status`, end it with `supervisor down`";
    refusal
}
