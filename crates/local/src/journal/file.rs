//! The file of a journal.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::frame::{Batch, FRAME, HEADER, Header, Kind, MAGIC, Record, split};
use crate::files::{FileError, replace};
use crate::state_dir::StateError;

/// A journal is made anew when it is so much longer than twice its snapshot, in bytes.
const SLACK: u64 = 8 << 20;

/// A journal that is appended to.
#[derive(Debug)]
pub struct Journal {
    file: File,
    length: u64,
    snapshot: u64,
}

impl Journal {
    /// Makes the file anew, of what these records say and nothing else; returns when it is safe on the disk. If it cannot be, the
    /// file is as it was before.
    pub fn create(path: &Path, records: impl IntoIterator<Item = impl Record>) -> io::Result<Self> {
        let (file, length) = replace(path, |file| {
            let mut out = BufWriter::new(file);
            out.write_all(MAGIC)?;
            let mut length = MAGIC.len() + HEADER;
            let mut batch = Batch::default();
            for record in records {
                batch.push(&record);
                if batch.len() >= FRAME {
                    length += write_frames(&mut out, Kind::Snapshot, &std::mem::take(&mut batch))?;
                }
            }
            length += write_frames(&mut out, Kind::Snapshot, &batch)?;
            out.write_all(&Header::of(Kind::EndOfSnapshot, &[]).write())?;
            out.flush()?;
            Ok(length as u64)
        })?;
        Ok(Self { file, length, snapshot: length })
    }

    /// Appends records; returns when they are safe on the disk. After an error make the file anew: something of them may be in
    /// it.
    pub fn append(&mut self, batch: &Batch) -> io::Result<()> {
        for content in batch.frames() {
            let mut bytes = Vec::with_capacity(HEADER + content.len());
            bytes.extend(Header::of(Kind::Batch, content).write());
            bytes.extend(content);
            self.file.write_all(&bytes)?;
            // Before the next frame is begun: only the last one can be there in part.
            self.file.sync_data()?;
            self.length += bytes.len() as u64;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn of_file(file: File) -> Self {
        Self { file, length: 0, snapshot: 0 }
    }

    /// Whether most of it is out of date, so that it should be made anew.
    pub fn is_long(&self) -> bool {
        self.length > 2 * self.snapshot + SLACK
    }
}

fn write_frames(out: &mut impl Write, kind: Kind, batch: &Batch) -> io::Result<usize> {
    let mut length = 0;
    for content in batch.frames() {
        out.write_all(&Header::of(kind, content).write())?;
        out.write_all(content)?;
        length += HEADER + content.len();
    }
    Ok(length)
}

/// Reads a journal, record by record, if the file is there. `take` says what is wrong with a record.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn read(path: &Path, take: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), StateError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::new(path, error).into()),
    };
    let size = file.metadata().map_err(|error| FileError::new(path, error))?.len();
    read_from(BufReader::new(file), size, path, take)
}

/// The same of `size` bytes that are read elsewhere; errors name `path`.
///
/// # Errors
/// They cannot be read, or are damaged.
pub fn read_from(
    file: impl Read,
    size: u64,
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), StateError> {
    let failed = |error| StateError::from(FileError::new(path, error));
    let corrupt = |reason: &str| StateError::corrupt(path, reason);
    let mut reader = Reader { file, left: size };
    if reader.take(MAGIC.len()).map_err(failed)?.as_deref() != Some(MAGIC) {
        return Err(corrupt("it does not begin as a journal"));
    }
    let mut is_snapshot = true;
    while reader.left > 0 {
        let frame = match reader.frame().map_err(failed)? {
            Found::Whole(header, content) => (header, content),
            // Of the snapshot nothing is missing: the file was put in its place when it was whole.
            Found::Torn if !is_snapshot => return Ok(()),
            Found::Torn => return Err(corrupt("its snapshot is cut off")),
            Found::Damaged => return Err(corrupt("a checksum does not fit")),
        };
        match (frame.0.kind, is_snapshot) {
            (Kind::Snapshot, true) | (Kind::Batch, false) => {}
            (Kind::EndOfSnapshot, true) if frame.0.length == 0 => is_snapshot = false,
            _ => return Err(corrupt("a part of it is where it should not be")),
        }
        let mut content = &frame.1[..];
        while !content.is_empty() {
            let (record, rest) = split(content).ok_or_else(|| corrupt("a record is cut off"))?;
            take(record).map_err(|reason| corrupt(&reason))?;
            content = rest;
        }
    }
    if is_snapshot { Err(corrupt("its snapshot is cut off")) } else { Ok(()) }
}

enum Found {
    Whole(Header, Vec<u8>),
    /// It ends with the file, and is not all there.
    Torn,
    /// It is not as it was written.
    Damaged,
}

struct Reader<R> {
    file: R,
    /// Bytes to the end of the file.
    left: u64,
}

impl<R: Read> Reader<R> {
    /// The next bytes; `None` if there are not as many.
    fn take(&mut self, count: usize) -> io::Result<Option<Vec<u8>>> {
        if self.left < count as u64 {
            return Ok(None);
        }
        let mut bytes = vec![0; count];
        self.file.read_exact(&mut bytes)?;
        self.left -= count as u64;
        Ok(Some(bytes))
    }

    fn frame(&mut self) -> io::Result<Found> {
        let Some(bytes) = self.take(HEADER)? else { return Ok(Found::Torn) };
        let header = <[u8; HEADER]>::try_from(&bytes[..]).ok().and_then(Header::read);
        let Some(header) = header else {
            // A file system may have made the file longer, and then lost its power.
            let is_blank = bytes.iter().all(|byte| *byte == 0) && self.is_blank()?;
            return Ok(if is_blank { Found::Torn } else { Found::Damaged });
        };
        let Some(content) = self.take(header.length)? else { return Ok(Found::Torn) };
        if Header::of(header.kind, &content) == header {
            return Ok(Found::Whole(header, content));
        }
        Ok(if self.left == 0 { Found::Torn } else { Found::Damaged })
    }

    /// Whether nothing but zeros follows.
    fn is_blank(&mut self) -> io::Result<bool> {
        let mut block = [0; 4096];
        loop {
            let read = self.file.read(&mut block)?;
            if read == 0 {
                return Ok(true);
            }
            if block[..read].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
    }
}
