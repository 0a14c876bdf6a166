//! Watches the runtime directory, so that an instance is found when it appears, whoever started it, and forgotten when
//! its socket is gone.

use std::{
    collections::BTreeMap,
    io,
    os::{
        fd::{AsFd as _, AsRawFd, RawFd},
        unix::fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::{io::unix::AsyncFd, time::sleep};

/// How often to look even if nothing was seen to change.
const BACKSTOP: Duration = Duration::from_secs(2);
/// How often to look when the system gives us no watch (it has 128 per user, by default).
const WITHOUT_WATCH: Duration = Duration::from_millis(100);

/// Tells one socket file from a later one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    changed_s: i64,
    changed_ns: i64,
}

/// Sees the instances of one interface come and go.
#[derive(Debug)]
pub struct Lookout {
    folder: PathBuf,
    instance_of: fn(&str) -> Option<u16>,
    watch: Option<AsyncFd<Watch>>,
}

#[derive(Debug)]
struct Watch(Inotify);

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Lookout {
    /// Watches `folder` for the files of which `instance_of` says the instance.
    pub fn new(folder: PathBuf, instance_of: fn(&str) -> Option<u16>) -> Self {
        let mut lookout = Self { folder, instance_of, watch: None };
        lookout.begin();
        lookout
    }

    /// The instances whose socket is there.
    pub fn look(&self) -> BTreeMap<u16, Stamp> {
        // A directory that is gone holds nothing; it is looked at again soon.
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return BTreeMap::new() };
        let found = entries.flatten().filter_map(|entry| {
            let instance = (self.instance_of)(entry.file_name().to_str()?)?;
            Some((instance, stamp(&entry.path())?))
        });
        found.collect()
    }

    /// Waits until it is worth looking again.
    pub async fn changed(&mut self) {
        let Some(watch) = &self.watch else {
            sleep(WITHOUT_WATCH).await;
            return self.begin();
        };
        let seen = tokio::select! {
            seen = read(watch) => seen,
            () = sleep(BACKSTOP) => Seen::Change,
        };
        if matches!(seen, Seen::End) {
            // The directory was removed, and perhaps made again.
            self.watch = None;
        }
    }

    fn begin(&mut self) {
        self.watch = watch(&self.folder).ok();
    }
}

enum Seen {
    Change,
    End,
}

fn watch(folder: &Path) -> io::Result<AsyncFd<Watch>> {
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    let comes_and_goes = AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_ONLYDIR;
    inotify.add_watch(folder, comes_and_goes)?;
    // SAFETY: the descriptor is the inotify's own: it is open, always the same one, and closed only when it is dropped.
    Ok(unsafe { AsyncFd::register(Watch(inotify)) }?)
}

async fn read(watch: &AsyncFd<Watch>) -> Seen {
    loop {
        let Ok(mut ready) = watch.readable().await else { return Seen::End };
        match ready.try_io(|watch| Ok(watch.get_ref().0.read_events()?)) {
            Ok(Ok(events)) if events.iter().any(|event| event.mask.contains(AddWatchFlags::IN_IGNORED)) => {
                return Seen::End;
            }
            Ok(Ok(_)) => return Seen::Change,
            Ok(Err(_)) => return Seen::End,
            Err(_not_ready) => {}
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some(Stamp { inode: found.ino(), changed_s: found.ctime(), changed_ns: found.ctime_nsec() })
}

#[cfg(test)]
mod tests {
    use std::{fs, future::Future};

    use proto::{Threads, bus::instance_of_socket};
    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    async fn until(lookout: &mut Lookout, wanted: impl Fn(&BTreeMap<u16, Stamp>) -> bool) {
        let waiting = async {
            while !wanted(&lookout.look()) {
                lookout.changed().await;
            }
        };
        in_time(waiting).await;
    }

    async fn in_time(waiting: impl Future<Output = ()>) {
        timeout(LONG, waiting).await.expect("seen in time");
    }

    #[tokio::test]
    async fn an_instance_is_seen_when_it_comes_and_when_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut lookout = Lookout::new(folder.path().to_owned(), instance_of_socket::<Threads>);
        assert!(lookout.look().is_empty());
        fs::write(folder.path().join("threads.7.sock"), "").unwrap();
        fs::write(folder.path().join("posts.7.sock"), "").unwrap();
        until(&mut lookout, |found| found.keys().eq(&[7])).await;
        fs::remove_file(folder.path().join("threads.7.sock")).unwrap();
        until(&mut lookout, BTreeMap::is_empty).await;
    }

    #[tokio::test]
    async fn a_file_that_replaces_another_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("threads.0.sock"), folder.path().join("new"));
        fs::write(&old, "").unwrap();
        let first = stamp(&old).unwrap();
        fs::write(&new, "").unwrap();
        fs::rename(&new, &old).unwrap();
        assert_ne!(stamp(&old).unwrap(), first);
    }

    #[tokio::test]
    async fn a_directory_that_was_made_again_is_watched_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("run");
        fs::create_dir(&folder).unwrap();
        let mut lookout = Lookout::new(folder.clone(), instance_of_socket::<Threads>);
        fs::remove_dir(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("threads.1.sock"), "").unwrap();
        until(&mut lookout, |found| found.keys().eq(&[1])).await;
    }
}
