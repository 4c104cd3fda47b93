//! `topicSpacesConfiguration.clientAuthentication`: how clients may show who they are besides a user name and a certificate.

use super::fields::{Fields, InvalidDocument};
use super::namespace::NamespaceDocument;
use crate::authentication::{ClientAuthentication, CustomJwt, NameSource, Webhook};
use azmqtt_net::Trust;

impl NamespaceDocument {
    /// The ways that are configured; `None` if nothing is said of them. A webhook elsewhere than on this machine is refused
    /// without `allow_remote`; its certificate must lead to `trust`.
    pub fn client_authentication(
        &self,
        allow_remote: bool,
        trust: &Trust,
    ) -> Result<Option<ClientAuthentication>, InvalidDocument> {
        let path = "properties.topicSpacesConfiguration";
        let Some(configuration) = self.topic_spaces_configuration() else { return Ok(None) };
        let mut fields = Fields::of(path, configuration)?;
        let custom_domains = read_domains(&mut fields)?;
        let settings = fields.object("clientAuthentication")?;
        if settings.is_none() && custom_domains.is_empty() {
            return Ok(None);
        }
        let mut authentication = ClientAuthentication { custom_domains, ..ClientAuthentication::default() };
        if let Some(mut fields) = settings {
            authentication.alternative_names = read_sources(&mut fields)?;
            authentication.custom_jwt =
                fields.object("customJwtAuthentication")?.map(read_issuer).transpose()?;
            let webhook = fields.object("webhookAuthentication")?;
            authentication.webhook =
                webhook.map(|fields| read_webhook(fields, allow_remote, trust)).transpose()?;
            fields.finish()?;
        }
        Ok(Some(authentication))
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
    trust: &Trust,
) -> Result<Webhook, InvalidDocument> {
    fields.ignore(&["identity", "azureActiveDirectoryTenantId", "endpointBaseUrl"]);
    let address = fields.required_text("endpointUrl")?;
    let application = fields.text("azureActiveDirectoryApplicationIdOrUri")?.unwrap_or_default();
    let webhook = Webhook::new(address, application, trust.clone(), allow_remote);
    let webhook = webhook.map_err(|error| fields.wrong("endpointUrl", error))?;
    fields.finish()?;
    Ok(webhook)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::documents::ApiSurface;

    fn read(settings: &Value) -> Result<Option<ClientAuthentication>, String> {
        let configuration = json!({ "state": "Enabled", "clientAuthentication": settings });
        let body = json!({ "location": "here", "properties": { "topicSpacesConfiguration": configuration } });
        let document = NamespaceDocument::read(&body, ApiSurface::Preview).unwrap();
        let trust = Trust::default();
        document.client_authentication(false, &trust).map_err(|error| error.to_string())
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
}
