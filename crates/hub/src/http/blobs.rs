//! Blob Storage as far as file upload needs it: Put Blob, Put Block, Put Block List, Get Block List (Azure Storage docs,
//! REST API).

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::answer::{parameter, pass_over};
use crate::http::access::Access;
use crate::http::route::{Rate, Routes};
use crate::shared::Shared;
use crate::uploads::{CONTAINER, Refused};
use azmqtt_dialect::storage::{STORAGE_VERSION, StorageError, parse_block_list, uncommitted_body};

/// The largest body of one request, in bytes. The service takes up to 4,000 MiB for a block.
const MAX_BODY: usize = 104 << 20;

pub(super) fn routes(routes: Routes) -> Routes {
    // By the signature in the query.
    let (access, rate) = (Access::anybody(), Rate::Uncounted);
    let path = format!("/{CONTAINER}/{{*blob}}");
    routes.put(&path, access, rate, write).get(&path, access, rate, read)
}

async fn write(
    State(shared): State<Arc<Shared>>,
    Path(blob): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let query = query.as_deref();
    let room = shared
        .uploads
        .check(&blob, |name| parameter(query, name))
        .and_then(|()| announced(&headers))
        .and_then(|length| shared.uploads.receive(length));
    // No stranger's body is read, and none that there is no room for.
    let room = match room {
        Ok(room) => room,
        Err(refused) => {
            pass_over(body).await;
            return Err(refused);
        }
    };
    let body = to_bytes(body, room.bytes()).await.map_err(|_| Refused(400, "IncompleteBody"))?;
    let written = store(&shared, &blob, query, &headers, body);
    drop(room);
    written
}

/// The length that a request's body has.
fn announced(headers: &HeaderMap) -> Result<usize, Refused> {
    let length = headers.get(CONTENT_LENGTH).ok_or(Refused(411, "MissingContentLengthHeader"))?;
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    length.filter(|length| *length <= MAX_BODY).ok_or(Refused(413, "RequestBodyTooLarge"))
}

fn store(
    shared: &Shared,
    blob: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let content_type = header("x-ms-blob-content-type").unwrap_or("application/octet-stream").to_owned();
    match parameter(query, "comp").as_deref() {
        None => {
            match header("x-ms-blob-type") {
                Some("BlockBlob") => {}
                Some(_) => return Err(Refused(400, "InvalidHeaderValue")),
                None => return Err(Refused(400, "MissingRequiredHeader")),
            }
            shared.uploads.put_blob(blob, body, content_type)?;
        }
        Some("block") => {
            let id = parameter(query, "blockid").ok_or(Refused(400, "MissingRequiredQueryParameter"))?;
            shared.uploads.put_block(blob, id, body)?;
        }
        Some("blocklist") => {
            let invalid = Refused(400, "InvalidXmlDocument");
            let text = std::str::from_utf8(&body).map_err(|_| invalid)?;
            let ids = parse_block_list(text).ok_or(invalid)?;
            let ids: Vec<_> = ids.into_iter().map(|(source, id)| (source, id.into_owned())).collect();
            shared.uploads.put_block_list(blob, &ids, content_type)?;
        }
        Some(_) => return Err(Refused(400, "InvalidQueryParameterValue")),
    }
    Ok((StatusCode::CREATED, [("x-ms-version", STORAGE_VERSION)]).into_response())
}

async fn read(
    State(shared): State<Arc<Shared>>,
    Path(blob): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    let query = query.as_deref();
    shared.uploads.check(&blob, |name| parameter(query, name))?;
    if parameter(query, "comp").as_deref() != Some("blocklist") {
        return Err(Refused(400, "InvalidQueryParameterValue"));
    }
    let blocks = shared.uploads.uncommitted(&blob)?;
    let body = uncommitted_body(blocks.iter().map(|(id, size)| (id.as_str(), *size)));
    Ok(([(CONTENT_TYPE.as_str(), "application/xml"), ("x-ms-version", STORAGE_VERSION)], body)
        .into_response())
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, code) = self;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let message = match code {
            "AuthenticationFailed" => {
                "Server failed to authenticate the request. Make sure the value of Authorization header is formed \
                 correctly including the signature."
            }
            _ => "The request is not valid here.",
        };
        let body = StorageError { code: Some(code.to_owned()), message: message.to_owned() }.to_body();
        let headers = [
            (CONTENT_TYPE.as_str(), "application/xml"),
            ("x-ms-error-code", code),
            ("x-ms-version", STORAGE_VERSION),
        ];
        (status, headers, body).into_response()
    }
}
