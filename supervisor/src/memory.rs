//! `memory`: what a process uses, and how much the IPFS daemon may. Reads `/proc`, nothing else.

use std::fs;

use proto::{config::Ipfs, supervision::MemoryForecast};

use crate::{machine::Event, trend::Trend};

/// What a process has in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Resident set, files that it maps included.
    pub rss_bytes: u64,
    /// Its anonymous part: what leaks.
    pub rss_anon_bytes: u64,
}

/// What process `pid` has in memory, with all that it started; nothing when it is gone.
pub fn of(pid: u32) -> Option<Usage> {
    let mut all = of_one(pid)?;
    let mut open = children(pid);
    for _ in 0..MOST_DESCENDANTS {
        let Some(child) = open.pop() else { break };
        let Some(usage) = of_one(child) else { continue };
        all.rss_bytes += usage.rss_bytes;
        all.rss_anon_bytes += usage.rss_anon_bytes;
        open.extend(children(child));
    }
    Some(all)
}

/// A box has one child if any. Whoever has more than this is known by its own memory.
const MOST_DESCENDANTS: usize = 64;

fn of_one(pid: u32) -> Option<Usage> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(parse(&text))
}

/// What a process has started. A child belongs to the thread that forked it.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// What this process has in memory.
pub fn ours() -> Usage {
    of_one(std::process::id()).unwrap_or_default()
}

fn parse(status: &str) -> Usage {
    let bytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    // A zombie has no such lines, and no memory.
    Usage { rss_bytes: bytes("VmRSS:").unwrap_or(0), rss_anon_bytes: bytes("RssAnon:").unwrap_or(0) }
}

/// How much anonymous memory the IPFS daemon may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    soft_bytes: u64,
    hard_bytes: u64,
}

const MIB: u64 = 1024 * 1024;
/// What a trend says beyond a month is no forecast.
const FARTHEST_H: f64 = 720.0;

impl Limits {
    /// The configured limits, with an eighth and a quarter of the machine for those that are not.
    pub fn new(config: &Ipfs, machine_bytes: u64) -> Self {
        let hard_bytes = config.memory_hard_mib.map_or(machine_bytes / 4, |mib| mib.saturating_mul(MIB));
        let soft_bytes = config.memory_soft_mib.map_or(machine_bytes / 8, |mib| mib.saturating_mul(MIB));
        Self { soft_bytes: soft_bytes.min(hard_bytes), hard_bytes }
    }

    /// Above this it is recycled.
    pub fn soft_bytes(&self) -> u64 {
        self.soft_bytes
    }

    /// The limits, and when the soft one will be reached if it goes on as it does.
    pub fn forecast(&self, usage: Usage, trend: &Trend) -> MemoryForecast {
        let growth = trend.bytes_per_h();
        let left_bytes = self.soft_bytes.saturating_sub(usage.rss_anon_bytes);
        let hours = growth.filter(|&growth| growth > 0.0).map(|growth| left_bytes as f64 / growth);
        MemoryForecast {
            soft_bytes: self.soft_bytes,
            hard_bytes: self.hard_bytes,
            growth_bytes_per_h: growth.map(|growth| growth as i64),
            soft_in_s: hours.filter(|&hours| hours < FARTHEST_H).map(|hours| (hours * 3_600.0) as u64),
        }
    }

    /// What should be done about a daemon that has this much.
    pub fn judge(&self, usage: Usage) -> Option<Event> {
        let has = |limit_bytes: u64, which: &str| {
            let (used, limit) = (usage.rss_anon_bytes / MIB, limit_bytes / MIB);
            format!("{used} MiB of anonymous memory, above the {which} limit of {limit} MiB")
        };
        match usage.rss_anon_bytes {
            bytes if bytes > self.hard_bytes => {
                let why = has(self.hard_bytes, "hard");
                Some(Event::Exceeded(format!("killed with {why} ([ipfs] memory_hard_mib)")))
            }
            bytes if bytes > self.soft_bytes => {
                let why = has(self.soft_bytes, "soft");
                Some(Event::Recycle(format!("recycled with {why} ([ipfs] memory_soft_mib)")))
            }
            _ => None,
        }
    }
}

/// The memory that this process and its children can use: the machine's, or its control group's if that is less.
pub fn of_the_machine() -> u64 {
    let kind = sysinfo::RefreshKind::nothing().with_memory(sysinfo::MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = sysinfo::System::new_with_specifics(kind) else { return FALLBACK_BYTES };
    let group = system.cgroup_limits().map(|limits| limits.total_memory).filter(|&bytes| bytes > 0);
    group.unwrap_or(u64::MAX).min(system.total_memory())
}

/// Assumed of a machine that does not say how much memory it has.
const FALLBACK_BYTES: u64 = 2048 * MIB;

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::new(&Ipfs { memory_soft_mib: Some(8), memory_hard_mib: Some(16), ..Ipfs::default() }, 0)
    }

    fn usage(mib: u64) -> Usage {
        Usage { rss_bytes: u64::MAX, rss_anon_bytes: mib * MIB }
    }

    #[test]
    fn the_kernels_lines_are_read() {
        let text = "Name:\tx\nVmRSS:\t    1528 kB\nRssAnon:\t     104 kB\nRssFile:\t    1424 kB\n";
        assert_eq!(parse(text), Usage { rss_bytes: 1528 * 1024, rss_anon_bytes: 104 * 1024 });
        assert_eq!(parse("Name:\tx\nState:\tZ (zombie)\n"), Usage::default());
    }

    #[test]
    fn this_process_has_some_memory() {
        assert!(ours().rss_bytes > ours().rss_anon_bytes && ours().rss_anon_bytes > 0);
    }

    #[test]
    fn what_a_process_started_counts_as_its_own() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (alone, all) = (of_one(std::process::id()).unwrap(), of(std::process::id()).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(all.rss_bytes > alone.rss_bytes, "{all:?} {alone:?}");
        assert_eq!(of(child.id()), None);
    }

    #[test]
    fn mapped_files_do_not_count() {
        assert!(limits().judge(usage(8)).is_none());
    }

    #[test]
    fn above_the_soft_limit_a_daemon_is_recycled_and_above_the_hard_one_killed() {
        let Some(Event::Recycle(why)) = limits().judge(usage(9)) else { panic!("not recycled") };
        assert_eq!(
            why,
            "recycled with 9 MiB of anonymous memory, above the soft limit of 8 MiB ([ipfs] memory_soft_mib)"
        );
        assert!(matches!(limits().judge(usage(17)), Some(Event::Exceeded(_))));
    }

    #[test]
    fn a_steady_leak_is_forecast_and_a_level_is_not() {
        let began = std::time::Instant::now();
        let after = |minutes: u64, bytes| (began + std::time::Duration::from_secs(60 * minutes), bytes);
        let (mut leak, mut level) = (Trend::default(), Trend::default());
        for minute in 0..30 {
            let (at, bytes) = after(minute, minute * MIB / 10);
            leak.sampled(at, bytes);
            level.sampled(at, MIB + minute % 2);
        }
        let forecast = limits().forecast(usage(2), &leak);
        assert_eq!((forecast.soft_bytes, forecast.hard_bytes), (8 * MIB, 16 * MIB));
        assert!(
            forecast.growth_bytes_per_h.is_some_and(|growth| (growth - 6 * MIB as i64).abs() < 100_000),
            "{forecast:?}"
        );
        assert!(forecast.soft_in_s.is_some_and(|seconds| (3_500..3_700).contains(&seconds)), "{forecast:?}");
        assert_eq!(limits().forecast(usage(2), &level).soft_in_s, None);
        assert_eq!(limits().forecast(usage(2), &Trend::default()).growth_bytes_per_h, None);
    }

    #[test]
    fn by_default_an_eighth_and_a_quarter_of_the_machine_are_the_limits() {
        let limits = Limits::new(&Ipfs::default(), 800 * MIB);
        assert_eq!(limits, Limits { soft_bytes: 100 * MIB, hard_bytes: 200 * MIB });
        assert!(of_the_machine() > MIB);
    }
}
