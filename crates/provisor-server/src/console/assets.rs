//! Style, script, font and icon: in the binary, named by what they hold, so that browsers keep them.

use std::sync::LazyLock;

use axum::{
    body::Body,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use sha2::{Digest, Sha256};

use super::{Problem, asked::Asked};

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal $kind:literal;)*) => {
        const ASSETS: &[Asset] = &[$(Asset {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../../assets/", $name)),
        },)*];
    };
}

assets! {
    "app.css" "text/css; charset=utf-8";
    "app.js" "text/javascript; charset=utf-8";
    "inter.woff2" "font/woff2";
    "icon.svg" "image/svg+xml";
}

static URLS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let url = |asset: &Asset| {
        let digest: [u8; 32] = Sha256::digest(asset.bytes).into();
        let mark: String = digest[..6]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("/assets/{}?{mark}", asset.name)
    };
    ASSETS.iter().map(url).collect()
});

/// Where an asset is; the address changes with what it holds.
pub(crate) fn url(name: &str) -> &'static str {
    let at = ASSETS.iter().position(|asset| asset.name == name);
    at.map_or("", |at| URLS[at].as_str())
}

/// `/assets/{name}`
pub(super) async fn show(asked: Asked) -> Result<Response, Problem> {
    let name = asked.parameter("name");
    let asset = ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .ok_or_else(|| Problem::missing("file"))?;
    let mut response = Response::new(Body::from(asset.bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    // Without its mark the address says nothing about what it holds.
    let keep = match asked.uri.query() {
        Some(_) => "public, max-age=31536000, immutable",
        None => "public, max-age=86400",
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    Ok(response)
}
