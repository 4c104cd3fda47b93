//! File uploads, and the blobs that they make: Blob Storage as far as a device sees it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::config::FileUploads;
use crate::random;
use crate::unix_time::unix_now;
use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_dialect::storage::{BlockSource, MAX_BLOCKS};
use azmqtt_dialect::time;
use azmqtt_dialect::upload::{UploadNotification, UploadTarget};
use azmqtt_net::sync::{Condvar, Mutex};

/// The container that all blobs of a local hub lie in.
pub const CONTAINER: &str = "uploads";

/// Uploads kept after their end; the oldest of more make room.
const MAX_RECORDS: usize = 10_000;

/// What a part or block takes besides its bytes, roughly: its id and its place.
const OVERHEAD: usize = 256;

/// Contents up to this size are copied, so that one of them does not hold the whole buffer that it was read into.
const COPY_BELOW: usize = 512 << 10;

/// The version of the signature, in `sv`.
const SAS_VERSION: &str = "2018-03-28";

/// An upload that a device has ended (IoT Hub docs, "file upload notifications").
#[derive(Clone, Debug)]
pub struct UploadRecord {
    /// Whose it was.
    pub device_id: String,
    /// `{device id}/{name}`
    pub blob_name: String,
    /// What the device said.
    pub notification: UploadNotification,
    /// The blob's size in bytes; `None` if there is no such blob.
    pub size: Option<usize>,
    /// When the device said so, in Unix seconds.
    pub time: u64,
}

/// A blob that is whole.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Its parts, in order.
    pub parts: Vec<Bytes>,
    /// `x-ms-blob-content-type`
    pub content_type: String,
}

impl Blob {
    /// In bytes.
    pub fn size(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }
}

/// Why Storage refuses: a status and an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub u16, pub &'static str);

/// The uploads and blobs of a hub.
pub(crate) struct Uploads {
    config: FileUploads,
    /// Signs the places that devices are given; `None` if the system gave no random number.
    key: Option<SymmetricKey>,
    inner: Mutex<Inner>,
    ended: Condvar,
}

#[derive(Default)]
struct Inner {
    active: HashMap<String, Active>,
    records: VecDeque<UploadRecord>,
    blobs: BTreeMap<String, Stored>,
    /// What all parts and blocks weigh.
    bytes: usize,
    /// Announced by the requests whose bodies are on their way.
    receiving: usize,
}

/// Room for the body of one request.
pub(crate) struct Receiving<'a> {
    uploads: &'a Uploads,
    bytes: usize,
}

impl Receiving<'_> {
    /// How much the body may have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.uploads.inner().receiving -= self.bytes;
    }
}

struct Active {
    device_id: String,
    blob_name: String,
    until: Instant,
}

#[derive(Default)]
struct Stored {
    whole: Option<Whole>,
    uncommitted: BTreeMap<String, Bytes>,
}

struct Whole {
    /// With their ids, if it was made of blocks.
    parts: Vec<(String, Bytes)>,
    content_type: String,
}

impl Stored {
    fn bytes(&self) -> usize {
        let whole = self.whole.iter().flat_map(|whole| &whole.parts).map(|(_, part)| part);
        whole.chain(self.uncommitted.values()).map(weight).sum()
    }
}

fn weight(content: &Bytes) -> usize {
    content.len() + OVERHEAD
}

fn compact(content: Bytes) -> Bytes {
    if content.len() < COPY_BELOW { Bytes::copy_from_slice(&content) } else { content }
}

impl Uploads {
    pub fn new(config: FileUploads) -> Self {
        let key = random::key().ok();
        Self { config, key, inner: Mutex::default(), ended: Condvar::new() }
    }

    /// Gives a device a place for a blob; `None` when it has as many uploads under way as it may.
    pub fn start(&self, device_id: &str, name: &str, host_name: String) -> Option<UploadTarget> {
        let now = Instant::now();
        let correlation_id = random_text()?;
        let blob_name = format!("{device_id}/{name}");
        let sas = self.sign(&blob_name, unix_now().saturating_add(self.config.sas_ttl.as_secs()))?;
        let mut inner = self.inner();
        inner.active.retain(|_, active| active.until > now);
        let under_way = inner.active.values().filter(|active| active.device_id == device_id).count();
        if under_way >= self.config.max_active {
            return None;
        }
        let until = now + self.config.sas_ttl;
        let active = Active { device_id: device_id.to_owned(), blob_name: blob_name.clone(), until };
        inner.active.insert(correlation_id.clone(), active);
        Some(UploadTarget { correlation_id, host_name, container: CONTAINER.to_owned(), blob_name, sas })
    }

    /// A device says how an upload ended; false if it has none of that correlation id.
    pub fn end(&self, device_id: &str, notification: UploadNotification) -> bool {
        let mut inner = self.inner();
        let active = inner.active.get(&notification.correlation_id);
        if active.is_none_or(|active| active.device_id != device_id) {
            return false;
        }
        let Some(active) = inner.active.remove(&notification.correlation_id) else { return false };
        let whole = inner.blobs.get(&active.blob_name).and_then(|stored| stored.whole.as_ref());
        let size = whole.map(|whole| whole.parts.iter().map(|(_, part)| part.len()).sum());
        if inner.records.len() >= MAX_RECORDS {
            inner.records.pop_front();
        }
        let Active { device_id, blob_name, .. } = active;
        inner.records.push_back(UploadRecord { device_id, blob_name, notification, size, time: unix_now() });
        self.ended.notify_all();
        true
    }

    /// Uploads that ended, of a device or of all, oldest first.
    pub fn records(&self, device_id: Option<&str>) -> Vec<UploadRecord> {
        let inner = self.inner();
        let wanted = |record: &&UploadRecord| device_id.is_none_or(|id| id == record.device_id);
        inner.records.iter().filter(wanted).cloned().collect()
    }

    /// Blocks until `count` uploads have ended, or the time is up; whether they have.
    pub fn wait(&self, device_id: Option<&str>, count: usize, timeout: Duration) -> bool {
        let few = |inner: &mut Inner| {
            let wanted = |record: &&UploadRecord| device_id.is_none_or(|id| id == record.device_id);
            inner.records.iter().filter(wanted).count() < count
        };
        let waited = self.ended.wait_timeout_while(self.inner(), timeout, few);
        !waited.1.timed_out()
    }

    /// The blob of that whole name.
    pub fn blob(&self, name: &str) -> Option<Blob> {
        let inner = self.inner();
        let whole = inner.blobs.get(name)?.whole.as_ref()?;
        let parts = whole.parts.iter().map(|(_, part)| part.clone()).collect();
        Some(Blob { parts, content_type: whole.content_type.clone() })
    }

    /// Whether a query allows what is asked of the blob: signed here, and not expired.
    pub fn check(&self, blob_name: &str, sas: impl Fn(&str) -> Option<String>) -> Result<(), Refused> {
        let refused = Refused(403, "AuthenticationFailed");
        let expiry = sas("se").as_deref().and_then(time::parse_utc).ok_or(refused)?;
        let signature = sas("sig").ok_or(refused)?;
        let wanted = self.signature(blob_name, expiry).ok_or(refused)?;
        // A local hub is not a target of timing attacks, and the comparison is of digests.
        if signature == wanted && expiry > unix_now() { Ok(()) } else { Err(refused) }
    }

    /// Makes room for a body that is on its way. All of these together may have as many bytes as is kept.
    pub fn receive(&self, bytes: usize) -> Result<Receiving<'_>, Refused> {
        if bytes > self.config.max_bytes {
            return Err(Refused(413, "RequestBodyTooLarge"));
        }
        let mut inner = self.inner();
        if inner.receiving.saturating_add(bytes) > self.config.max_bytes {
            return Err(Refused(503, "ServerBusy"));
        }
        inner.receiving += bytes;
        Ok(Receiving { uploads: self, bytes })
    }

    /// Put Blob.
    pub fn put_blob(&self, name: &str, content: Bytes, content_type: String) -> Result<(), Refused> {
        let stored = Stored {
            whole: Some(Whole { parts: vec![(String::new(), compact(content))], content_type }),
            uncommitted: BTreeMap::new(),
        };
        self.inner().replace(name, stored, self.config.max_bytes)
    }

    /// Put Block.
    pub fn put_block(&self, name: &str, id: String, content: Bytes) -> Result<(), Refused> {
        // The ids of a blob's blocks are of one length.
        if STANDARD.decode(&id).map_or(0, |id| id.len()) == 0 || id.len() > 88 {
            return Err(Refused(400, "InvalidBlobOrBlock"));
        }
        let mut inner = self.inner();
        if content.is_empty() {
            return Err(Refused(400, "InvalidHeaderValue"));
        }
        let content = compact(content);
        let added = weight(&content);
        if inner.bytes.saturating_add(added) > self.config.max_bytes {
            return Err(Refused(413, "RequestBodyTooLarge"));
        }
        let stored = inner.blobs.entry(name.to_owned()).or_default();
        if stored.uncommitted.keys().next().is_some_and(|other| other.len() != id.len()) {
            return Err(Refused(400, "InvalidBlobOrBlock"));
        }
        if stored.uncommitted.len() >= 2 * MAX_BLOCKS {
            return Err(Refused(409, "BlockCountExceedsLimit"));
        }
        let before = stored.uncommitted.insert(id, content).map_or(0, |before| weight(&before));
        inner.bytes = inner.bytes + added - before;
        Ok(())
    }

    /// Put Block List.
    pub fn put_block_list(
        &self,
        name: &str,
        ids: &[(BlockSource, String)],
        content_type: String,
    ) -> Result<(), Refused> {
        if ids.len() > MAX_BLOCKS {
            return Err(Refused(409, "BlockListTooLong"));
        }
        let mut inner = self.inner();
        let parts: Option<Vec<_>> = {
            let stored = inner.blobs.get(name);
            let uncommitted = |id: &String| stored?.uncommitted.get(id).cloned();
            let committed: HashMap<&String, &Bytes> = stored
                .and_then(|stored| stored.whole.as_ref())
                .map(|whole| whole.parts.iter().map(|(id, part)| (id, part)).collect())
                .unwrap_or_default();
            let committed = |id: &String| committed.get(id).map(|part| (*part).clone());
            let find = |(source, id): &(BlockSource, String)| match source {
                BlockSource::Uncommitted => uncommitted(id),
                BlockSource::Committed => committed(id),
                BlockSource::Latest => uncommitted(id).or_else(|| committed(id)),
            };
            ids.iter().map(|entry| Some((entry.1.clone(), find(entry)?))).collect()
        };
        let parts = parts.ok_or(Refused(400, "InvalidBlockList"))?;
        let stored = Stored { whole: Some(Whole { parts, content_type }), uncommitted: BTreeMap::new() };
        inner.replace(name, stored, self.config.max_bytes)
    }

    /// Get Block List, of the uncommitted blocks: ids and sizes.
    pub fn uncommitted(&self, name: &str) -> Result<Vec<(String, usize)>, Refused> {
        let inner = self.inner();
        let stored = inner.blobs.get(name).ok_or(Refused(404, "BlobNotFound"))?;
        Ok(stored.uncommitted.iter().map(|(id, block)| (id.clone(), block.len())).collect())
    }

    fn sign(&self, blob_name: &str, expiry: u64) -> Option<String> {
        let signature = self.signature(blob_name, expiry)?;
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let (signature, expiry) = (encode(&signature), encode(&time::format_utc(expiry)));
        Some(format!("sv={SAS_VERSION}&sr=b&sig={signature}&se={expiry}&sp=rw"))
    }

    fn signature(&self, blob_name: &str, expiry: u64) -> Option<String> {
        let signed = self.key.as_ref()?.sign(format!("{CONTAINER}/{blob_name}\n{expiry}").as_bytes());
        Some(STANDARD.encode(signed))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

impl Inner {
    fn replace(&mut self, name: &str, stored: Stored, max_bytes: usize) -> Result<(), Refused> {
        let before = self.blobs.get(name).map_or(0, Stored::bytes);
        let bytes = self.bytes.saturating_sub(before).saturating_add(stored.bytes());
        if bytes > max_bytes {
            return Err(Refused(413, "RequestBodyTooLarge"));
        }
        self.bytes = bytes;
        self.blobs.insert(name.to_owned(), stored);
        Ok(())
    }
}

fn random_text() -> Option<String> {
    let random = random::bytes().ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(random)))
}
