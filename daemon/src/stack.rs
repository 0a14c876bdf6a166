//! SIGABRT writes the stack of every thread to the log before the process dies: that is how a hung box tells where.

use std::{
    backtrace::Backtrace,
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use nix::{
    libc,
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction},
    unistd::{alarm, gettid},
};

static DYING: AtomicBool = AtomicBool::new(false);
/// Long enough for a few threads to write their stacks, well under the two seconds until the supervisor's SIGKILL.
const OTHERS_WRITE: Duration = Duration::from_millis(500);

/// Sets the handler.
///
/// # Errors
///
/// When the kernel refuses.
pub fn write_stacks_on_abort() -> nix::Result<()> {
    let action = SigAction::new(SigHandler::Handler(on_abort), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler ends the process, so what it interrupts is never resumed; see `on_abort` for what it calls.
    unsafe { sigaction(Signal::SIGABRT, &action) }.map(drop)
}

/// Not async-signal-safe: capturing a stack allocates. The process is about to die, and if the interrupted thread held
/// the allocator's lock, the alarm (default action: end) or the supervisor's SIGKILL ends the wait.
extern "C" fn on_abort(_: libc::c_int) {
    let first = !DYING.swap(true, Ordering::SeqCst);
    if first {
        alarm::set(2);
        ask_the_others();
    }
    tracing::error!(thread = thread::current().name(), stack = %Backtrace::force_capture(), "aborted");
    if first {
        thread::sleep(OTHERS_WRITE);
        die();
    }
    loop {
        thread::park();
    }
}

fn ask_the_others() {
    let us = gettid().as_raw();
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    for thread in threads.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).filter(|&id| id != us) {
        // SAFETY: tgkill takes plain numbers; a thread that has ended meanwhile makes it fail, which is fine.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGABRT) };
    }
}

fn die() -> ! {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: sets the default action, which is no handler at all.
    let _ = unsafe { sigaction(Signal::SIGABRT, &default) };
    let _ = SigSet::from(Signal::SIGABRT).thread_unblock();
    let _ = raise(Signal::SIGABRT);
    std::process::abort()
}
