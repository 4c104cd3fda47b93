//! The variables `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl reads them.

use std::ffi::OsString;

use super::no_proxy::NoProxy;
use super::{Proxy, ProxyError};

/// What the environment says about proxies. No standard rules it; curl's manual is what most follow: the spelling in
/// small letters comes first, an empty variable is none, and every connection here counts as HTTPS.
#[derive(Debug, Clone, Default)]
pub struct EnvironmentProxies {
    proxy: Option<Proxy>,
    except: NoProxy,
}

impl EnvironmentProxies {
    /// Reads the variables by `variable`, such as [`std::env::var_os`]. Later changes of them have no effect.
    pub fn read(variable: impl Fn(&'static str) -> Option<OsString>) -> Result<Self, ProxyError> {
        let text = |names: &[&'static str]| {
            for &name in names {
                let Some(value) = variable(name) else { continue };
                let value = value.into_string().map_err(|_| ProxyError::NotText(name))?;
                if !value.trim().is_empty() {
                    return Ok(Some((name, value)));
                }
            }
            Ok(None)
        };
        let proxy = match text(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])? {
            None => None,
            Some((name, value)) => {
                let parsed = Proxy::parse(&value);
                Some(parsed.map_err(|error| ProxyError::Variable(name, Box::new(error)))?)
            }
        };
        let except = text(&["no_proxy", "NO_PROXY"])?;
        Ok(Self { proxy, except: except.map(|(_, list)| NoProxy::parse(&list)).unwrap_or_default() })
    }

    /// The proxy for connections to `host`.
    pub fn for_host(&self, host: &str, port: u16) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| !self.except.matches(host, port))
    }
}
