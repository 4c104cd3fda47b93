//! `topicSpacesConfiguration.clientAuthentication`: how clients may show who they are besides a user name and a certificate.

use serde_json::{Value, json};

use super::fields::{Fields, InvalidDocument};
use super::namespace::NamespaceDocument;
use crate::authentication::{ClientAuthentication, CustomJwt, NameSource, Webhook};

impl NamespaceDocument {
    /// The ways that are configured; `None` if nothing is said of them. A webhook elsewhere than on this machine is refused
    /// without `allow_remote`.
    pub fn client_authentication(
        &self,
        allow_remote: bool,
    ) -> Result<Option<ClientAuthentication>, InvalidDocument> {
        let Some(configuration) = self.topic_spaces_configuration() else { return Ok(None) };
        let fields = Fields::of("properties.topicSpacesConfiguration", configuration)?;
        ClientAuthentication::read(fields, allow_remote, None)
    }
}

impl ClientAuthentication {
    /// `clientAuthentication` and `customDomains`; `None` if nothing is said of them. The webhook's certificate must lead to
    /// `roots` if there are some.
    fn read(
        mut fields: Fields<'_>,
        allow_remote: bool,
        roots: Option<&str>,
    ) -> Result<Option<Self>, InvalidDocument> {
        let custom_domains = read_domains(&mut fields)?;
        let settings = fields.object("clientAuthentication")?;
        if settings.is_none() && custom_domains.is_empty() {
            return Ok(None);
        }
        let mut authentication = Self { custom_domains, ..Self::default() };
        if let Some(mut fields) = settings {
            authentication.alternative_names = read_sources(&mut fields)?;
            authentication.custom_jwt =
                fields.object("customJwtAuthentication")?.map(read_issuer).transpose()?;
            let webhook = fields.object("webhookAuthentication")?;
            authentication.webhook =
                webhook.map(|fields| read_webhook(fields, allow_remote, roots)).transpose()?;
            fields.finish()?;
        }
        Ok(Some(authentication))
    }

    /// As a file has it: what the management API reads, and the roots of the webhook's certificate, for which that has no
    /// words.
    pub(crate) fn to_file(&self) -> Value {
        let sources: Vec<&str> = self.alternative_names.iter().map(|source| source.name()).collect();
        let mut ways = json!({ "alternativeAuthenticationNameSources": sources });
        if let Some(custom_jwt) = &self.custom_jwt {
            let certificates = custom_jwt.certificates();
            let certificates =
                certificates.map(|(kid, pem)| json!({ "kid": kid, "encodedCertificate": pem }));
            ways["customJwtAuthentication"] = json!({
                "tokenIssuer": custom_jwt.issuer(),
                "encodedIssuerCertificates": certificates.collect::<Vec<_>>(),
            });
        }
        if let Some(webhook) = &self.webhook {
            ways["webhookAuthentication"] = json!({
                "endpointUrl": webhook.address(),
                "azureActiveDirectoryApplicationIdOrUri": webhook.application(),
            });
        }
        let domains = self.custom_domains.iter().map(|name| json!({ "fullyQualifiedDomainName": name }));
        json!({
            "clientAuthentication": ways,
            "customDomains": domains.collect::<Vec<_>>(),
            "webhookRoots": self.webhook.as_ref().and_then(Webhook::roots),
        })
    }

    /// Reads what [`Self::to_file`] writes; a webhook elsewhere was allowed when it was set.
    pub(crate) fn from_file(value: &Value) -> Result<Self, InvalidDocument> {
        let mut fields = Fields::of("", value)?;
        let roots = fields.text("webhookRoots")?;
        Self::read(fields, true, roots).map(Option::unwrap_or_default)
    }
}

fn read_domains(fields: &mut Fields<'_>) -> Result<Vec<String>, InvalidDocument> {
    let mut names = Vec::new();
    for mut domain in fields.objects("customDomains")? {
        names.push(domain.required_text("fullyQualifiedDomainName")?.to_owned());
    }
    Ok(names)
}

fn read_sources(fields: &mut Fields<'_>) -> Result<Vec<NameSource>, InvalidDocument> {
    const NAME: &str = "alternativeAuthenticationNameSources";
    let names = fields.texts(NAME)?.unwrap_or_default();
    let read = |(index, name): (usize, &&str)| {
        let source = NameSource::ALL.into_iter().find(|source| source.name().eq_ignore_ascii_case(name));
        source.ok_or_else(|| fields.wrong(&format!("{NAME}[{index}]"), "there is no such source"))
    };
    names.iter().enumerate().map(read).collect()
}

fn read_issuer(mut fields: Fields<'_>) -> Result<CustomJwt, InvalidDocument> {
    if !fields.objects("issuerCertificates")?.is_empty() {
        let reason = "certificates of a Key Vault are not fetched here: use encodedIssuerCertificates";
        return Err(fields.wrong("issuerCertificates", reason));
    }
    let issuer = fields.required_text("tokenIssuer")?;
    let mut certificates = Vec::new();
    for mut certificate in fields.objects("encodedIssuerCertificates")? {
        let key_id = certificate.text("kid")?.map(str::to_owned);
        certificates.push((key_id, certificate.required_text("encodedCertificate")?.to_owned()));
        certificate.finish()?;
    }
    let read = CustomJwt::new(issuer, &certificates);
    let read = read.map_err(|error| fields.wrong("encodedIssuerCertificates", error))?;
    fields.finish()?;
    Ok(read)
}

fn read_webhook(
    mut fields: Fields<'_>,
    allow_remote: bool,
    roots: Option<&str>,
) -> Result<Webhook, InvalidDocument> {
    fields.ignore(&["identity", "azureActiveDirectoryTenantId", "endpointBaseUrl"]);
    let address = fields.required_text("endpointUrl")?;
    let application = fields.text("azureActiveDirectoryApplicationIdOrUri")?.unwrap_or_default();
    let webhook = Webhook::new(address, application, roots.map(str::as_bytes), allow_remote);
    let webhook = webhook.map_err(|error| fields.wrong("endpointUrl", error))?;
    fields.finish()?;
    Ok(webhook)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::ApiSurface;

    fn read(settings: &Value) -> Result<Option<ClientAuthentication>, String> {
        let configuration = json!({ "state": "Enabled", "clientAuthentication": settings });
        let body = json!({ "location": "here", "properties": { "topicSpacesConfiguration": configuration } });
        let document = NamespaceDocument::read(&body, ApiSurface::Preview).unwrap();
        document.client_authentication(false).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_are_read_and_checked() {
        assert_eq!(read(&Value::Null), Ok(None));
        let found = read(&json!({
            "alternativeAuthenticationNameSources": ["ClientCertificateDns", "clientCertificateSubject"],
            "webhookAuthentication": {
                "endpointUrl": "http://127.0.0.1:7071/api",
                "azureActiveDirectoryApplicationIdOrUri": "api://mine",
                "azureActiveDirectoryTenantId": "t",
                "identity": { "type": "SystemAssigned" },
            },
        }));
        let found = found.unwrap().unwrap();
        assert_eq!(found.alternative_names, [NameSource::Dns, NameSource::Subject]);
        assert_eq!(found.webhook.unwrap().application(), "api://mine");
        for (settings, named) in [
            (json!({ "alternativeAuthenticationNameSources": ["Dns"] }), "NameSources[0]"),
            (json!({ "webhookAuthentication": {} }), "endpointUrl"),
            (json!({ "webhookAuthentication": { "endpointUrl": "https://example.com/a" } }), "endpointUrl"),
            (json!({ "customJwtAuthentication": { "tokenIssuer": "me" } }), "encodedIssuerCertificates"),
            (
                json!({ "customJwtAuthentication": { "tokenIssuer": "me", "issuerCertificates": [{}] } }),
                "issuerCertificates",
            ),
            (json!({ "jwt": 1 }), "clientAuthentication.jwt"),
        ] {
            let error = read(&settings).unwrap_err();
            assert!(error.contains(named), "{settings}: {error}");
        }
    }
    #[test]
    fn what_a_file_has_is_read_the_same() {
        let pem = "-----BEGIN CERTIFICATE-----\n";
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
        let roots = certificate.pem();
        assert!(roots.starts_with(pem));
        let webhook =
            |roots: Option<&[u8]>| Webhook::new("https://example.com/a?code=k", "api://mine", roots, true);
        for webhook in [None, Some(webhook(None).unwrap()), Some(webhook(Some(roots.as_bytes())).unwrap())] {
            let settings = ClientAuthentication {
                alternative_names: vec![NameSource::Uri, NameSource::Subject],
                custom_jwt: None,
                webhook,
                custom_domains: vec!["a.example".to_owned()],
            };
            assert_eq!(ClientAuthentication::from_file(&settings.to_file()), Ok(settings));
        }
        assert!(ClientAuthentication::from_file(&json!([])).is_err());
    }
}
