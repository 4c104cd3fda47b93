use super::super::*;
use crate::names::ResourceName;
use azmqtt_local::certificate_authority::Authority;

#[test]
fn authorities_are_certificates_and_bounded() {
    let mut authorities = Authorities::default();
    let name = |text: &str| ResourceName::parse(text).unwrap();
    let made = Authority::generate("test").unwrap();
    let pem = made.certificate.as_bytes();
    for index in 0..10 {
        authorities.put(name(&format!("ca-{index}")), pem).unwrap();
    }
    assert!(authorities.put(name("more"), pem).unwrap_err().contains("at most 10"));
    assert!(authorities.put(name("ca-1"), pem).is_ok());
    assert!(authorities.put(name("ca-1"), &[pem, pem].concat()).is_err());
    assert!(authorities.put(name("ca-1"), b"nothing").is_err());
    assert!(authorities.put(name("ca-1"), made.key.as_bytes()).is_err());
    assert!(authorities.delete(&name("ca-1")) && !authorities.delete(&name("ca-1")));
    assert_eq!(authorities.iter().count(), 9);
}
