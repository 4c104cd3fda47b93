//! What may be granted.

/// What a permission binding grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// To publish on the topics.
    Publisher,
    /// To subscribe to them.
    Subscriber,
}

impl Permission {
    /// As the service spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publisher => "Publisher",
            Self::Subscriber => "Subscriber",
        }
    }

    /// The one that the service spells so.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Publisher, Self::Subscriber].into_iter().find(|permission| permission.name() == name)
    }

    /// The role of Entra ID that grants the same.
    pub fn role_name(self) -> &'static str {
        match self {
            Self::Publisher => "EventGrid TopicSpaces Publisher",
            Self::Subscriber => "EventGrid TopicSpaces Subscriber",
        }
    }
}
