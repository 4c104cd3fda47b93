//! One spelling of each path. Names of subscriptions, resource groups, providers and types are the same in any case (Azure docs,
//! "Naming rules and restrictions for Azure resources").

use axum::http::uri::PathAndQuery;
use axum::http::{Method, Uri};

use crate::resource_id::PROVIDER;

/// Segments as the routes spell them, in the places where they may stand.
const WORDS: [&str; 18] = [
    "caCertificates",
    "clientGroups",
    "clients",
    "listKeys",
    "locations",
    "namespaces",
    "operationResults",
    "operations",
    "operationsStatus",
    "permissionBindings",
    "providers",
    "regenerateKey",
    "resourceGroups",
    "subscriptions",
    "topicSpaces",
    "topics",
    "validateCustomDomainOwnership",
    PROVIDER,
];

/// Whether a path is one of the management API.
pub fn is_management(path: &str) -> bool {
    let first = path.strip_prefix('/').and_then(|rest| rest.split('/').next()).unwrap_or_default();
    ["subscriptions", "providers"].iter().any(|root| root.eq_ignore_ascii_case(first))
}

/// The address as the routes spell it; others stay as they are.
pub fn canonical(_: &Method, uri: Uri) -> Uri {
    if !is_management(uri.path()) {
        return uri;
    }
    let path = respell(uri.path());
    if path == uri.path() {
        return uri;
    }
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(target).ok();
    Uri::from_parts(parts).unwrap_or(uri)
}

/// Every second segment is a name, which stays as it is, but behind the provider the types stand one place later.
fn respell(path: &str) -> String {
    let mut spelled = String::with_capacity(path.len());
    let mut is_word = true;
    for segment in path.strip_suffix('/').unwrap_or(path).split('/').skip(1) {
        spelled.push('/');
        let word = WORDS.iter().find(|word| word.eq_ignore_ascii_case(segment)).filter(|_| is_word);
        let segment = word.map_or(segment, |word| *word);
        spelled.push_str(segment);
        // `providers/Microsoft.EventGrid/namespaces`: three words in a row.
        is_word = !is_word || segment == "providers" || segment == PROVIDER;
    }
    spelled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_have_one_spelling_and_names_their_own() {
        let path = "/Subscriptions/S/resourcegroups/RG/providers/microsoft.eventgrid/Namespaces/Clients/clientgroups/CLIENTS/";
        let spelled = "/subscriptions/S/resourceGroups/RG/providers/Microsoft.EventGrid/namespaces/Clients/clientGroups/CLIENTS";
        assert_eq!(respell(path), spelled);
        assert_eq!(respell(spelled), spelled);
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        assert_eq!(canonical(&Method::GET, uri("/mqtt/Clients?a=B")), uri("/mqtt/Clients?a=B"));
        assert_eq!(
            canonical(&Method::GET, uri("/SUBSCRIPTIONS/S/providers?X=Y")),
            uri("/subscriptions/S/providers?X=Y")
        );
    }

    proptest! {
        #[test]
        fn respelling_twice_is_respelling_once(path in "(/[a-zA-Z.%]{1,8}){0,12}/?") {
            let once = respell(&path);
            prop_assert_eq!(respell(&once), once.clone());
            prop_assert!(once.eq_ignore_ascii_case(path.strip_suffix('/').unwrap_or(&path)));
        }
    }
}
