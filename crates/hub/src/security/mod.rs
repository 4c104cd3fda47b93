//! Who is who, and who may do what.
//!
//! | module | subject |
//! |---|---|
//! | `authentication` | judges what a client proves itself by |
//! | `certificates`, `tls_rules` | the certificate authority and the server's certificate; which TLS the hub speaks under its name |
//! | `client_certificates` | X.509: what clients show, who is let in for it |
//! | `policies` | keys of the hub itself, and what their holders may do |

pub mod authentication;
pub mod certificates;
pub mod client_certificates;
pub mod policies;
mod tls_rules;
