//! The versions of the API.

use crate::documents::ApiSurface;

/// The versions that know namespaces, oldest first.
pub const VERSIONS: [(&str, ApiSurface); 8] = [
    ("2023-06-01-preview", ApiSurface::Preview),
    ("2023-12-15-preview", ApiSurface::Preview),
    ("2024-06-01-preview", ApiSurface::Preview),
    ("2024-12-15-preview", ApiSurface::Preview),
    ("2025-02-15", ApiSurface::Stable),
    ("2025-04-01-preview", ApiSurface::Preview),
    ("2025-07-15-preview", ApiSurface::Preview),
    ("2025-10-15-preview", ApiSurface::Preview),
];

/// The version of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiVersion {
    /// As the service spells it.
    pub name: &'static str,
    /// What it shows and takes.
    pub surface: ApiSurface,
}

impl ApiVersion {
    /// The version of this name, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut versions = VERSIONS.iter();
        let (name, surface) = versions.find(|(name, _)| name.eq_ignore_ascii_case(text))?;
        Some(Self { name, surface: *surface })
    }
}
