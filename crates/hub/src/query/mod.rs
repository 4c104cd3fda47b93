//! Queries of a hub's twins and jobs, page by page. The language is [`azmqtt_dialect::query`]'s.
//!
//! Rows come in the order of their ids, and a page begins behind the last row of the one before: devices that come and go
//! meanwhile neither repeat nor hide others. Rows of aggregates are made anew for each page.
//!
//! Twins are read from the registry in batches, and only as many as the page needs.

pub mod count;
mod token;

use serde_json::Value;

use crate::error::HubError;
use crate::jobs::Jobs;
use crate::registry::Registry;
use crate::registry::device::Device;
use crate::registry::twin_record::TwinRecord;
use azmqtt_dialect::query::{Query, Record, Source};

use self::count::groups;
use token::Position;

/// The page of who asks for no size (IoT Hub docs, "Get device twins": the service decides).
const DEFAULT_PAGE: usize = 100;

/// The largest page, in rows (IoT Hub docs, "Query examples": up to 1000).
const MAX_PAGE: usize = 1000;

/// With so many bytes a page is full, however few its rows.
const MAX_PAGE_BYTES: usize = 4 << 20;

/// Some rows of an answer.
#[derive(Clone, Debug)]
pub struct QueryPage {
    /// `Twin`, `DeviceJob` or `Raw`, as the service calls its kinds of rows.
    pub item_type: &'static str,
    /// A list of rows, in JSON.
    pub body: String,
    /// What to ask for the next page with; none behind the last row.
    pub continuation: Option<String>,
}

/// A page of a query's answer. `size` is a wish: the service takes 1 to 1000.
pub(super) fn run(
    registry: &Registry,
    jobs: &Jobs,
    text: &str,
    size: Option<usize>,
    continuation: Option<&str>,
) -> Result<QueryPage, HubError> {
    let query = Query::parse(text).map_err(HubError::Query)?;
    let begin = begin(continuation, text)?;
    let left = query.top.map_or(usize::MAX, |top| top.saturating_sub(begin.rows));
    let mut page = PageWriter::new(begin, size, left);
    if query.aggregates() {
        let skip = page.last.rows;
        let rows = groups(registry, &query).rows();
        for row in rows.into_iter().skip(skip) {
            if !page.push(&row.to_string(), None) {
                break;
            }
        }
    } else {
        match query.source {
            Source::Jobs => of_jobs(jobs, &query, &mut page),
            Source::Devices | Source::Modules => twins(registry, &query, &mut page),
        }
    }
    let item_type = match query.source {
        _ if !query.projections.is_empty() => "Raw",
        Source::Jobs => "DeviceJob",
        Source::Devices | Source::Modules => "Twin",
    };
    Ok(page.finish(item_type, text))
}

/// A page of rows that have an id each and come in the order of it. `of` says what of: a token is good for that alone.
pub(super) fn page_of(
    item_type: &'static str,
    rows: impl IntoIterator<Item = (String, Value)>,
    of: &str,
    size: Option<usize>,
    continuation: Option<&str>,
) -> Result<QueryPage, HubError> {
    let mut page = PageWriter::new(begin(continuation, of)?, size, usize::MAX);
    for (id, row) in rows {
        let key = [id.as_str(), ""];
        if !page.is_behind(key) && !page.push(&row.to_string(), Some(key)) {
            break;
        }
    }
    Ok(page.finish(item_type, of))
}

fn begin(continuation: Option<&str>, of: &str) -> Result<Position, HubError> {
    match continuation {
        Some(token) => Position::read(token, of).ok_or(HubError::Continuation),
        None => Ok(Position::default()),
    }
}

fn twins(registry: &Registry, query: &Query, page: &mut PageWriter) {
    // Without a condition, each twin is a row; one more shows whether there is another page.
    let most = if query.condition.is_none() { page.most + 1 } else { MAX_PAGE };
    let mut last = page.last.key.clone();
    loop {
        let after = last.as_ref().map(|key| key.each_ref().map(String::as_str));
        let some = match query.source {
            Source::Modules => registry.modules_after(after, most),
            _ => registry.devices_after(after.map(|[device, _]| device), most),
        };
        let Some(end) = some.last() else { return };
        last = Some(key(end).map(str::to_owned));
        for device in &some {
            let row = {
                let record = TwinRecord::new(device);
                query.matches(&record).then(|| query.row(&record))
            };
            if row.is_some_and(|row| !page.push(&row, Some(key(device)))) {
                return;
            }
        }
    }
}

/// The key by which devices and modules are ordered among the rows.
fn key(device: &Device) -> [&str; 2] {
    [&device.id, device.module_id.as_deref().unwrap_or_default()]
}

fn of_jobs(jobs: &Jobs, query: &Query, page: &mut PageWriter) {
    for record in jobs.records() {
        let [job, device] = record.key();
        if page.is_behind([job, device]) || !query.matches(&record) {
            continue;
        }
        if !page.push(&record.text(), Some([job, device])) {
            return;
        }
    }
}

/// A page on its way.
struct PageWriter {
    rows: usize,
    most: usize,
    /// What `TOP` leaves.
    left: usize,
    body: String,
    last: Position,
    more: bool,
}

impl PageWriter {
    fn new(begin: Position, size: Option<usize>, left: usize) -> Self {
        let most = size.filter(|size| *size > 0).unwrap_or(DEFAULT_PAGE).min(MAX_PAGE);
        Self { rows: 0, most, left, body: "[".to_owned(), last: begin, more: false }
    }

    /// Whether a row was on an earlier page.
    fn is_behind(&self, key: [&str; 2]) -> bool {
        self.last.key.as_ref().is_some_and(|last| key <= last.each_ref().map(String::as_str))
    }

    /// Adds a row; false if there is no need of another one.
    fn push(&mut self, row: &str, key: Option<[&str; 2]>) -> bool {
        if self.rows == self.left {
            return false;
        }
        if self.rows == self.most || (self.rows > 0 && self.body.len() + row.len() > MAX_PAGE_BYTES) {
            self.more = true;
            return false;
        }
        if self.rows > 0 {
            self.body.push(',');
        }
        self.body.push_str(row);
        self.rows += 1;
        self.last.rows += 1;
        self.last.key = key.map(|key| key.map(str::to_owned));
        true
    }

    fn finish(mut self, item_type: &'static str, query: &str) -> QueryPage {
        self.body.push(']');
        let continuation = self.more.then(|| self.last.write(query));
        QueryPage { item_type, body: self.body, continuation }
    }
}
