//! Undocumented behaviours of the service: one table, in which each row is an option of this namespace.
//!
//! The default is what the sources make most likely. [`Behaviours::set`] changes a row.

use std::fmt;

use azmqtt_mqtt::Properties;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The name of the option.
    pub name: &'static str,
    /// What is unknown.
    pub question: &'static str,
    /// The choices, the default first.
    pub choices: &'static [&'static str],
}

/// Why an option cannot be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownBehaviour {
    /// No option has this name.
    Name(String),
    /// The option does not have this choice.
    Choice(&'static Row),
}

impl fmt::Display for UnknownBehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "unknown behaviour {name:?}"),
            Self::Choice(row) => {
                write!(f, "the behaviour {} is one of: {}", row.name, row.choices.join(", "))
            }
        }
    }
}

impl std::error::Error for UnknownBehaviour {}

macro_rules! behaviours {
    ($(
        $question:literal
        $field:ident: $type:ident {
            $(#[$first_doc:meta])* $first:ident = $first_name:literal,
            $($(#[$doc:meta])* $variant:ident = $name:literal,)+
        }
    )*) => {
        $(
            #[doc = $question]
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
            pub enum $type {
                $(#[$first_doc])*
                #[default]
                $first,
                $($(#[$doc])* $variant,)+
            }
        )*

        /// What the namespace does where the service is unknown.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Behaviours {
            $(#[doc = $question] pub $field: $type,)*
        }

        /// The table.
        pub static ROWS: &[Row] = &[
            $(Row {
                name: stringify!($field),
                question: $question,
                choices: &[$first_name, $($name),+],
            },)*
        ];

        impl Behaviours {
            /// Sets an option to one of its choices.
            pub fn set(&mut self, name: &str, choice: &str) -> Result<(), UnknownBehaviour> {
                let Some(row) = ROWS.iter().find(|row| row.name == name) else {
                    return Err(UnknownBehaviour::Name(name.chars().take(50).collect()));
                };
                match (name, choice) {
                    $(
                        (stringify!($field), $first_name) => self.$field = $type::$first,
                        $((stringify!($field), $name) => self.$field = $type::$variant,)+
                    )*
                    _ => return Err(UnknownBehaviour::Choice(row)),
                }
                Ok(())
            }

            /// The current choice of an option.
            pub fn get(&self, name: &str) -> Option<&'static str> {
                Some(match name {
                    $(stringify!($field) => match self.$field {
                        $type::$first => $first_name,
                        $($type::$variant => $name,)+
                    },)*
                    _ => return None,
                })
            }
        }
    };
}

behaviours! {
    "The code of CONNACK for a client that cannot authenticate"
    refused_client: RefusedClient {
        /// 0x87; 5 in MQTT 3.1.1.
        NotAuthorized = "not-authorized",
        /// 0x86; 4 in MQTT 3.1.1.
        BadUserNameOrPassword = "bad-user-name-or-password",
    }
    "The code of CONNACK for an unsupported authentication method, or a token of another issuer"
    wrong_method: WrongMethod {
        /// 0x87.
        NotAuthorized = "not-authorized",
        /// 0x8C.
        BadAuthenticationMethod = "bad-authentication-method",
    }
    "A client whose token expires during its connection"
    expired_token: ExpiredToken {
        /// DISCONNECT 0x87 at that time.
        Disconnected = "disconnected",
        /// The connection stays.
        Kept = "kept",
    }
    "A token for CUSTOM-JWT in MQTT 3.1.1"
    jwt_in_v3: JwtInV3 {
        /// Not possible, according to the how-to.
        Refused = "refused",
        /// Accepted as the password, as an overview may mean.
        Password = "password",
    }
    "A user name together with an Entra ID token"
    entra_user_name: EntraUserName {
        /// The namespace ignores it.
        Ignored = "ignored",
        /// It must be the object id.
        ObjectId = "object-id",
    }
    "An Entra ID identity without a role"
    entra_without_role: EntraWithoutRole {
        /// It may connect, but has no other rights.
        Accepted = "accepted",
        /// CONNACK 0x87.
        Refused = "refused",
    }
    "A user name, if alternative authentication name sources are set"
    user_name_with_sources: UserNameWithSources {
        /// It is the authentication name.
        Counts = "counts",
        /// The sources take precedence.
        Ignored = "ignored",
    }
    "Whether the webhook is called for a client resource with its certificate"
    webhook_for_resources: WebhookForResources {
        /// Yes, as for every CONNECT except those with OAUTH2-JWT, and with CUSTOM-JWT if an issuer is set.
        Asked = "asked",
        /// The certificate is enough.
        NotAsked = "not-asked",
    }
    "The certificate in the request to the webhook"
    webhook_certificate: WebhookCertificate {
        /// The certificate that the client sent, and whose key it has proved to have.
        AsShown = "as-shown",
        /// The same, if a CA certificate of the namespace signed it; otherwise the client is refused.
        Verified = "verified",
    }
    "A CONNECT, AUTH, SUBSCRIBE, PUBACK or DISCONNECT with user properties"
    user_properties: UserProperties {
        /// 0x83. Such a PUBACK or DISCONNECT ends the connection like any error of the client: its will is published.
        Refused = "refused",
        /// The namespace ignores them.
        Ignored = "ignored",
    }
    "A CONNECT of MQTT 3.1.1 with an empty client identifier"
    empty_client_id: EmptyClientId {
        /// The namespace assigns one, which the client does not learn.
        Assigned = "assigned",
        /// 2.
        Refused = "refused",
    }
    "A CONNECT whose will is for a topic that the client may not publish to"
    denied_will: DeniedWill {
        /// 0x87.
        Refused = "refused",
        /// The will is not published.
        Dropped = "dropped",
    }
    "Whether CONNACK contains a Receive Maximum"
    receive_maximum: AnnouncedReceiveMaximum {
        /// 1,000, as the documentation of limits says.
        Announced = "announced",
        /// It does not, so 65,535 applies.
        Absent = "absent",
    }
    "Whether subscription identifiers are available"
    subscription_identifiers: SubscriptionIdentifiers {
        /// As a blog of 2026 says.
        Available = "available",
        /// As the documentation of 2025 says.
        Unavailable = "unavailable",
    }
    "The code of SUBACK for a filter that no template covers"
    denied_subscribe: DeniedSubscribe {
        /// 0x87.
        NotAuthorized = "not-authorized",
        /// 0x80.
        Unspecified = "unspecified",
    }
    "A message at QoS 0 on a topic that the client may not publish to, in MQTT 5"
    denied_qos0: DeniedQos0 {
        /// DISCONNECT 0x87.
        Disconnected = "disconnected",
        /// The message is dropped silently.
        Dropped = "dropped",
    }
    "A message on a topic that the client may not publish to, in MQTT 3.1.1"
    denied_publish_v3: DeniedPublishV3 {
        /// The connection ends, as the documentation on errors says.
        Disconnected = "disconnected",
        /// The message is acknowledged and dropped.
        Acknowledged = "acknowledged",
    }
    "A message whose properties exceed a limit"
    unsupported_message: UnsupportedMessage {
        /// 0x83.
        ImplementationSpecific = "implementation-specific",
        /// 0x97.
        QuotaExceeded = "quota-exceeded",
    }
    "Topics and filters that begin with $"
    dollar_topics: DollarTopics {
        /// Like others, except that wildcards do not match a leading `$`.
        Ordinary = "ordinary",
        /// Nobody may publish or subscribe.
        Refused = "refused",
    }
    "How many messages are sent to a client before it acknowledges one"
    outbound_window: OutboundWindow {
        /// As the documentation of limits says.
        Hundred = "100",
        /// As the documentation on errors says.
        Sixteen = "16",
    }
    "A client that answers a message with an error"
    refused_message: RefusedMessage {
        /// DISCONNECT 0x83.
        Disconnected = "disconnected",
        /// The message counts as acknowledged.
        Ignored = "ignored",
    }
    "A message expiry interval of 0"
    zero_expiry: ZeroExpiry {
        /// As the documentation says.
        Never = "never",
        /// As the standard says.
        AtOnce = "at-once",
    }
    "The part of a certificate's subject that is compared with the authentication name"
    certificate_subject: CertificateSubject {
        /// The common name, or the whole distinguished name.
        NameOrSubject = "common-name-or-subject",
        /// The common name.
        Name = "common-name",
        /// The distinguished name, as in `CN=a, O=b`.
        Subject = "subject",
    }
}

impl UserProperties {
    /// Whether a packet with these properties, other than PUBLISH, is refused.
    pub(crate) fn refuses(self, properties: &Properties) -> bool {
        self == Self::Refused && properties.user_properties().next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_set_to_each_choice() {
        for row in ROWS {
            let mut behaviours = Behaviours::default();
            assert_eq!(behaviours.get(row.name), Some(row.choices[0]), "the default of {}", row.name);
            for choice in row.choices {
                behaviours.set(row.name, choice).unwrap();
                assert_eq!(behaviours.get(row.name), Some(*choice));
            }
            assert_eq!(behaviours.set(row.name, "x"), Err(UnknownBehaviour::Choice(row)));
            assert_eq!(behaviours == Behaviours::default(), row.choices.len() == 1);
        }
        let mut behaviours = Behaviours::default();
        assert_eq!(behaviours.set("x", "y"), Err(UnknownBehaviour::Name("x".to_owned())));
        assert_eq!(behaviours.get("x"), None);
    }
}
