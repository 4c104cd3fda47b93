//! A ring as readers see it.

use std::time::SystemTime;

use super::filter::Filter;
use super::members::Members;
use super::readers::Readers;

/// So many entries are looked at for a page.
pub const PAGE_ENTRIES: usize = 256;

/// A page ends with the entry that makes it larger than this, in bytes.
const PAGE_BYTES: usize = 64 << 10;

/// An entry of a ring, ready to be written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Counts the entries of a run, from 1.
    pub id: u64,
    /// When it happened.
    pub time: SystemTime,
    /// What is written besides these two.
    pub members: Members,
}

/// Some entries, in their order.
#[derive(Debug, Default)]
pub struct Page {
    /// So many entries, wanted or not, are gone that the reader has not seen; the next ones come after them.
    pub lost: u64,
    /// Those that are wanted.
    pub entries: Vec<Entry>,
    /// Up to where the ring was looked at: where the next page begins.
    pub reached: u64,
}

impl Page {
    /// Makes a page of the records after `after`, of which the first `lost` are gone.
    ///
    /// `records` are those that come next, each with its number. `entry` writes one that is wanted, and says how many bytes it
    /// counts for; a record after the page is full waits for the next page.
    pub fn collect<T>(
        after: u64,
        lost: u64,
        records: impl IntoIterator<Item = (u64, T)>,
        mut entry: impl FnMut(u64, T) -> Option<(usize, Entry)>,
    ) -> Self {
        let mut page = Self { lost, entries: Vec::new(), reached: after + lost };
        let mut bytes = 0;
        for (number, record) in records {
            if bytes > PAGE_BYTES {
                break;
            }
            page.reached = number;
            if let Some((weight, entry)) = entry(number, record) {
                bytes += weight;
                page.entries.push(entry);
            }
        }
        page
    }
}

/// Entries that can be read by their number, while they are kept.
pub trait Feed: Send + Sync {
    /// The number of the newest entry; 0 before the first.
    fn newest(&self) -> u64;

    /// The entries after `after` that `filter` takes: at most [`PAGE_ENTRIES`] are looked at.
    fn read(&self, after: u64, filter: &Filter) -> Page;

    /// Woken by every new entry.
    fn readers(&self) -> &Readers;
}
