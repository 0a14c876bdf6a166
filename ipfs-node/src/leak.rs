//! Grows without end, so that a test can show how the supervisor limits memory. Only with the feature `leak`.
//!
//! Asked by `main`. Keeps what it allocates.

use std::{
    env, io, thread,
    time::{Duration, Instant},
};

/// Names the bytes to leak per second; nothing is leaked without it.
pub const VARIABLE: &str = "ROOKERY_LEAK_BYTES_PER_S";
const STEP: Duration = Duration::from_millis(50);

/// Starts to leak, if the environment says so.
///
/// # Errors
///
/// When the variable holds no number, or no thread can be started.
pub fn start() -> io::Result<()> {
    let Ok(text) = env::var(VARIABLE) else { return Ok(()) };
    let bytes_per_s: u64 = text.parse().map_err(|_| io::Error::other(format!("{VARIABLE}={text} is no number")))?;
    tracing::warn!(bytes_per_s, "memory is leaked on purpose");
    thread::Builder::new().name("leak".to_owned()).spawn(move || leak(bytes_per_s)).map(|_| ())
}

fn leak(bytes_per_s: u64) {
    let (begin, mut kept, mut kept_bytes) = (Instant::now(), Vec::new(), 0u64);
    loop {
        let wanted = (begin.elapsed().as_secs_f64() * bytes_per_s as f64) as u64;
        let bytes = usize::try_from(wanted.saturating_sub(kept_bytes)).unwrap_or(0);
        // Written to, so that the memory is really there.
        kept.push(vec![1u8; bytes]);
        kept_bytes += bytes as u64;
        thread::sleep(STEP);
    }
}
