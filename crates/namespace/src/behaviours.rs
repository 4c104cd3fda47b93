//! What nobody has written down about the service: one table of what this namespace does there, each row a switch.
//!
//! A default is what the sources make most likely. Who knows better sets the row: [`Behaviours::set`].

use std::fmt;

use azmqtt_mqtt::Properties;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What it is set by.
    pub name: &'static str,
    /// What is unknown.
    pub question: &'static str,
    /// What it can be set to, the default first.
    pub choices: &'static [&'static str],
}

/// Why a row is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownBehaviour {
    /// There is no such row.
    Name(String),
    /// The row has no such choice.
    Choice(&'static Row),
}

impl fmt::Display for UnknownBehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "there is no behaviour {name:?}"),
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
            /// Sets the row of this name to one of its choices.
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

            /// What the row of this name is set to.
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
    "The code of CONNACK for a client that fails to show who it is"
    refused_client: RefusedClient {
        /// 0x87; 5 in MQTT 3.1.1.
        NotAuthorized = "not-authorized",
        /// 0x86; 4 in MQTT 3.1.1.
        BadUserNameOrPassword = "bad-user-name-or-password",
    }
    "The code of CONNACK for an authentication method that the namespace does not have, or a token of another issuer"
    wrong_method: WrongMethod {
        /// 0x87.
        NotAuthorized = "not-authorized",
        /// 0x8C.
        BadAuthenticationMethod = "bad-authentication-method",
    }
    "A client whose token expires while it is connected"
    expired_token: ExpiredToken {
        /// DISCONNECT 0x87 at that time.
        Disconnected = "disconnected",
        /// It stays.
        Kept = "kept",
    }
    "A token for CUSTOM-JWT in MQTT 3.1.1"
    jwt_in_v3: JwtInV3 {
        /// There is no way, as the how-to says.
        Refused = "refused",
        /// As the password, as an overview may mean.
        Password = "password",
    }
    "A user name beside a token of Entra ID"
    entra_user_name: EntraUserName {
        /// As if it were not there.
        Ignored = "ignored",
        /// It must be the object id.
        ObjectId = "object-id",
    }
    "An identity of Entra ID that has no role"
    entra_without_role: EntraWithoutRole {
        /// It may connect, and nothing else.
        Accepted = "accepted",
        /// CONNACK 0x87.
        Refused = "refused",
    }
    "A user name while there are alternative sources of authentication names"
    user_name_with_sources: UserNameWithSources {
        /// It is the authentication name.
        Counts = "counts",
        /// The sources come first.
        Ignored = "ignored",
    }
    "Whether the webhook is asked about a client resource that shows its certificate"
    webhook_for_resources: WebhookForResources {
        /// As about each CONNECT but for those with OAUTH2-JWT, and CUSTOM-JWT where there is an issuer for it.
        Asked = "asked",
        /// The certificate is enough.
        NotAsked = "not-asked",
    }
    "The certificate that the webhook is told"
    webhook_certificate: WebhookCertificate {
        /// What the client has shown, and proved to have the key of.
        AsShown = "as-shown",
        /// The same if it leads to a CA certificate of the namespace; else the client is refused.
        Verified = "verified",
    }
    "A CONNECT, AUTH, SUBSCRIBE, PUBACK or DISCONNECT with user properties"
    user_properties: UserProperties {
        /// 0x83. After such a PUBACK or DISCONNECT the connection is over as after any mistake of the client: its will is
        /// published.
        Refused = "refused",
        /// As if they were not there.
        Ignored = "ignored",
    }
    "A CONNECT of MQTT 3.1.1 with an empty client identifier"
    empty_client_id: EmptyClientId {
        /// The client gets one that it is not told.
        Assigned = "assigned",
        /// 2.
        Refused = "refused",
    }
    "A CONNECT whose will is for a topic on which the client may not publish"
    denied_will: DeniedWill {
        /// 0x87.
        Refused = "refused",
        /// The will is not published.
        Dropped = "dropped",
    }
    "Whether CONNACK names a Receive Maximum"
    receive_maximum: AnnouncedReceiveMaximum {
        /// 1,000, as the documentation of limits says.
        Announced = "announced",
        /// It does not, and 65,535 holds.
        Absent = "absent",
    }
    "Whether there are subscription identifiers"
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
    "A message at QoS 0 on a topic that the client may not publish on, in MQTT 5"
    denied_qos0: DeniedQos0 {
        /// DISCONNECT 0x87.
        Disconnected = "disconnected",
        /// Nobody gets it, and nobody is told.
        Dropped = "dropped",
    }
    "A message on a topic that the client may not publish on, in MQTT 3.1.1"
    denied_publish_v3: DeniedPublishV3 {
        /// The connection ends, as the documentation on errors says.
        Disconnected = "disconnected",
        /// It is acknowledged, and nobody gets it.
        Acknowledged = "acknowledged",
    }
    "A message that breaks a limit of its properties"
    unsupported_message: UnsupportedMessage {
        /// 0x83.
        ImplementationSpecific = "implementation-specific",
        /// 0x97.
        QuotaExceeded = "quota-exceeded",
    }
    "Topics and filters that begin with $"
    dollar_topics: DollarTopics {
        /// As others, but that no wildcard stands for `$` at the beginning.
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
        /// The message is done with.
        Ignored = "ignored",
    }
    "A message expiry interval of 0"
    zero_expiry: ZeroExpiry {
        /// As the documentation says.
        Never = "never",
        /// As the standard says.
        AtOnce = "at-once",
    }
    "The subject of a certificate that is compared with the authentication name"
    certificate_subject: CertificateSubject {
        /// The common name, or the whole of it.
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
