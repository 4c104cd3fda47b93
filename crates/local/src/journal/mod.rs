//! A journal: a file to which records are appended, for what changes too often to have a file of its own replaced each time.
//!
//! ```text
//! file     = "azmqtt journal 1\n" snapshot end-of-snapshot batch*
//! snapshot = frame*          what there was when the file was made; it replaced the file of before as a whole
//! batch    = frame           what was appended, and was on the disk before the next was begun
//! frame    = kind (1) length (4) checksum of the content (4) checksum of the 9 bytes before (4) content
//! content  = (length (4) record)*
//! ```
//!
//! Numbers are little-endian, checksums CRC-32. A crash leaves the last batch whole, in part, or not at
//! all: nobody was told that it is kept, and what is there of it is left out. Anything else that does not fit is damage.

mod crc;
mod file;
mod frame;
mod log;

pub use file::{Journal, read, read_from};
pub use frame::{Batch, Record};
pub use log::{Log, NotKept, Status};

#[cfg(test)]
mod tests;
