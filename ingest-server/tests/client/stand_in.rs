//! Servers to try the client on: one that behaves as the original one does, its faults included, and some that are worse.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use unixfs::{FileBuilder, HashOnly, Profile};

/// What the original server reads at once.
const READ_BYTES: usize = 1024;
const TOKEN: &str = "0.8444218515250481";
const END: &str = "This is the end of the file: ";

/// A server on a port of its own, until the test ends.
pub struct StandIn {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it was sent, file by file, as far as it took it for files.
    pub files: Arc<Mutex<Vec<Vec<u8>>>>,
    /// How many connections there were.
    pub connections: Arc<AtomicUsize>,
    /// The most at a time.
    pub crowd: Arc<AtomicUsize>,
}

impl StandIn {
    /// A server with these manners, told how many connections there were before.
    pub fn with(manners: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, crowd): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let (number, most, manners) = (connections.clone(), crowd.clone(), Arc::new(manners));
        let now = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let before = number.fetch_add(1, Ordering::SeqCst);
                let (manners, most, now) = (manners.clone(), most.clone(), now.clone());
                thread::spawn(move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    manners(&mut stream, before);
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, files: Arc::default(), connections, crowd }
    }

    /// A server that answers as the original one does.
    pub fn original() -> Self {
        let files: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = files.clone();
        let server = Self::with(move |stream, _| {
            if let Some(file) = read_as_the_original(stream) {
                // The client may have gone; the original would die of it, and nobody would notice.
                let _ = stream.write_all(format!("{}\n", cid(&file, Profile::V0_2015)).as_bytes());
                kept.lock().unwrap().push(file);
            }
        });
        Self { files, ..server }
    }

    /// The flags that lead the client here.
    pub fn flags(&self) -> Vec<String> {
        let port = self.address.port().to_string();
        ["--host", "127.0.0.1", "--upload-port", &port, "--download-port", &port].map(str::to_owned).to_vec()
    }
}

/// Greets, and reads a file as the original server does. None when it came to nothing: as the original, it then leaves the
/// connection open and says nothing, until the client has gone.
pub fn read_as_the_original(stream: &mut TcpStream) -> Option<Vec<u8>> {
    stream.write_all(TOKEN.as_bytes()).ok()?;
    let finish = format!("{END}{TOKEN}");
    let (mut file, mut read) = (Vec::new(), [0; READ_BYTES]);
    loop {
        let count = stream.read(&mut read).ok()?;
        if count == 0 {
            return None;
        }
        // Each piece by itself: a character that is cut in two kills the thread, and so does what is no text.
        let Ok(text) = std::str::from_utf8(&read[..count]) else {
            let _ = stream.read_to_end(&mut Vec::new());
            return None;
        };
        match text.find(&finish) {
            Some(end) => {
                file.extend_from_slice(&text.as_bytes()[..end]);
                return Some(file);
            }
            None => file.extend_from_slice(text.as_bytes()),
        }
    }
}

/// Reads a file as a better server does: any bytes, the marker wherever it stands.
pub fn read_well(stream: &mut TcpStream) -> Option<Vec<u8>> {
    stream.write_all(TOKEN.as_bytes()).ok()?;
    let finish = format!("{END}{TOKEN}");
    let (mut file, mut read) = (Vec::new(), [0; 65_536]);
    while !file.ends_with(finish.as_bytes()) {
        let count = stream.read(&mut read).ok().filter(|count| *count > 0)?;
        file.extend_from_slice(&read[..count]);
    }
    file.truncate(file.len() - finish.len());
    Some(file)
}

/// Answers a download as the original server does.
pub fn give(stream: &mut TcpStream, content: &[u8]) {
    let mut request = [0; READ_BYTES];
    let count = stream.read(&mut request).unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..count]).into_owned();
    let token = request.split(' ').next().unwrap_or_default();
    let _ = stream.write_all(content);
    let _ = stream.write_all(format!("{END}{token}").as_bytes());
}

/// The CID of a file.
pub fn cid(bytes: &[u8], profile: Profile) -> String {
    let mut builder = FileBuilder::new(profile.options(), HashOnly);
    let Ok(()) = builder.push(bytes.to_vec().into());
    let Ok(root) = builder.finish();
    root.cid.to_string()
}
