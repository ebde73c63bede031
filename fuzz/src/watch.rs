//! Writes each input to disk before it is read, so that one that overflows the stack or never ends
//! can be found.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time limit of one input.
const LONGEST: Duration = Duration::from_secs(20);

/// Watches the inputs of one target.
pub(crate) struct InputWatch {
    path: PathBuf,
    file: File,
    began: Arc<Mutex<Option<Instant>>>,
}

impl InputWatch {
    pub(crate) fn over(target: &str, seed: u64) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("ha-fuzz-{target}-{}", std::process::id()));
        let began = Arc::new(Mutex::new(None));
        let (looked_at, told) = (
            Arc::downgrade(&began),
            format!("`{target}` does not end, with the seed {seed}: {}", path.display()),
        );
        std::thread::spawn(move || {
            while let Some(began) = looked_at.upgrade() {
                let since: Option<Instant> = *began.lock().unwrap_or_else(PoisonError::into_inner);
                drop(began);
                if since.is_some_and(|it| it.elapsed() > LONGEST) {
                    crate::say(&told);
                    std::process::exit(1);
                }
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        Ok(Self { file: File::create(&path)?, path, began })
    }

    /// Returns the file with the current input.
    pub(crate) fn file(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn begins(&self, input: &[u8]) {
        // What cannot be written down can be made again from the seed.
        let _ = self.file.set_len(0).and_then(|()| self.file.write_all_at(input, 0));
        self.set(Some(Instant::now()));
    }

    pub(crate) fn ends(&self) {
        self.set(None);
    }

    fn set(&self, to: Option<Instant>) {
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }
}
