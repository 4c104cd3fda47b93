//! Watching a service over HTTP: what it has recorded, as it happens, for programs in any language.
//!
//! What happens is kept in rings, which all readers share: a reader holds its position alone, so that one that stalls costs as much
//! as one that reads. Entries have numbers, from 1 in each run, by which a reader goes on where it was.
//!
//! | file | subject |
//! |---|---|
//! | `feed` | a ring as readers see it: pages of entries after a number |
//! | `readers` | the readers of a ring, who wait until it grows |
//! | `events` | the ring of what happens in a service |
//! | `members` | JSON objects, member by member |
//! | `query` | what a request asks for: the parameters, and the form of the answer |
//! | `filter` | which entries a reader wants |
//! | `form` | entries as JSON lines and as Server-Sent Events |
//! | `allowance` | how many entries an answer with a rate may have |
//! | `stream` | one answer: what is kept, then what comes, until its end |
//! | `streams` | the open answers of a service: how many there may be, and their end |
//! | `metrics` | the text format of Prometheus |
//! | `time` | times as text |

mod allowance;
mod events;
mod feed;
mod filter;
mod form;
mod members;
pub mod metrics;
mod query;
mod readers;
mod stream;
mod streams;
#[cfg(test)]
mod tests;
mod time;

pub use events::{Event, Events};
pub use feed::{Entry, Feed, PAGE_ENTRIES, Page};
pub use filter::Filter;
pub use form::Form;
pub use members::Members;
pub(crate) use members::base64;
pub use query::{Asked, Offer, QueryError, Since};
pub use readers::Readers;
pub use streams::{Refused, Streams};
