//! What applications ask of a running hub about queries.

use super::Hub;
use crate::error::HubError;
use crate::query::{self, QueryPage};

impl Hub {
    /// A page of the answer to a query in IoT Hub's query language, such as
    /// `SELECT * FROM devices WHERE tags.location.region = 'US'`: at most `size` rows, 100 without one and never more than
    /// 1000; after the rows of an earlier page with its `continuation`.
    ///
    /// # Errors
    /// [`HubError::Query`] for what is not of the language, [`HubError::Continuation`] for a token of another query.
    pub fn query(
        &self,
        query: &str,
        size: Option<usize>,
        continuation: Option<&str>,
    ) -> Result<QueryPage, HubError> {
        query::run(&self.shared.registry, &self.shared.jobs, query, size, continuation)
    }
}
