use super::super::*;
use crate::names::ResourceName;
use crate::resources::{ResourceError, ResourceKind};
use azmqtt_local::certificate_authority::Authority;

#[test]
fn authorities_are_certificates_and_bounded() {
    let mut authorities = Authorities::default();
    let name = |text: &str| ResourceName::parse(text).unwrap();
    let made = Authority::generate("test").unwrap();
    let pem = made.certificate.as_bytes();
    let read = |text: &str, bytes: &[u8]| CaCertificate::read_bytes(name(text), bytes);
    for index in 0..10 {
        authorities.put(read(&format!("ca-{index}"), pem).unwrap()).unwrap();
    }
    let limit = ResourceError::LimitReached(ResourceKind::CaCertificate, 10);
    assert_eq!(authorities.put(read("more", pem).unwrap()), Err(limit));
    assert_eq!(authorities.put(read("ca-1", pem).unwrap()), Ok(false));
    assert!(read("ca-1", &[pem, pem].concat()).is_err());
    assert!(read("ca-1", b"nothing").is_err());
    assert!(read("ca-1", made.key.as_bytes()).is_err());
    let beside_its_key = read("ca-1", &[pem, made.key.as_bytes()].concat()).unwrap();
    assert!(!beside_its_key.encoded.contains("PRIVATE KEY"), "{}", beside_its_key.encoded);
    assert!(authorities.delete(&name("ca-1")) && !authorities.delete(&name("ca-1")));
    assert_eq!(authorities.iter().count(), 9);
}
