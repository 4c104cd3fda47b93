//! The rules of direct methods (IoT Hub docs, "Understand and invoke direct methods from IoT Hub").

use std::fmt;

/// The largest body of a call and of its response, in bytes: 128 KB each way.
pub const MAX_METHOD_BODY: usize = 128 * 1024;

/// Checks a method's name: printable US-ASCII without the separators of HTTP.
///
/// `+` and `#` are legal in the service's list but not in a topic name, and over MQTT the name is part of the topic as
/// it is.
pub fn check_method_name(name: &str) -> Result<(), MethodNameError> {
    if name.is_empty() {
        Err(MethodNameError("must not be empty"))
    } else if name.contains(['+', '#']) {
        Err(MethodNameError("must not contain '+' or '#', which an MQTT topic name cannot contain"))
    } else if !name.bytes().all(|b| b.is_ascii_graphic() && !b"$()<>@,;:\\\"/[]?={}".contains(&b)) {
        Err(MethodNameError(
            "may contain only printable ASCII without spaces and $ ( ) < > @ , ; : \\ \" / [ ] ? = { }",
        ))
    } else if name.len() > MAX_NAME {
        Err(MethodNameError("must fit into an MQTT topic: at most 1,024 characters"))
    } else {
        Ok(())
    }
}

/// The service documents no length; with this one the topic has room for any request id.
const MAX_NAME: usize = 1024;

/// A method name that breaks a rule; says which, as a phrase that follows "the method name".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodNameError(&'static str);

impl fmt::Display for MethodNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the method name {}", self.0)
    }
}

impl std::error::Error for MethodNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["reboot", "pump*start", "a.b-c_d!~'|^`&%1", &"x".repeat(1024)] {
            assert_eq!(check_method_name(name), Ok(()), "{name}");
        }
        for name in ["", "a b", "a\t", "a/b", "a?", "$a", "a+", "#", "é", "{a}", "a=b", &"x".repeat(1025)] {
            assert!(check_method_name(name).is_err(), "{name}");
        }
        assert_eq!(check_method_name("").unwrap_err().to_string(), "the method name must not be empty");
    }
}
