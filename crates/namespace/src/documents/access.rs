//! Client groups, topic spaces and permission bindings as JSON.

use serde_json::{Map, Value, json};

use super::fields::{Fields, InvalidDocument};
use super::{Document, READ_ONLY, describe, resource_name};
use crate::limits::TEMPLATES_PER_SPACE;
use crate::names::{GroupRef, ResourceName};
use crate::query::Query;
use crate::resources::{ClientGroup, Permission, PermissionBinding, TopicSpace};
use crate::template::Template;

impl Document for ClientGroup {
    fn read(name: &str, properties: &Value) -> Result<Self, InvalidDocument> {
        let name = resource_name(name)?;
        let mut fields = Fields::of("properties", properties)?;
        fields.ignore(READ_ONLY);
        let description = fields.text("description")?.unwrap_or_default().to_owned();
        let query = fields.required_text("query")?;
        let query = Query::parse(query).map_err(|error| fields.wrong("query", error))?;
        fields.finish()?;
        Ok(Self { name, description, query })
    }

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn properties(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        describe(&mut properties, &self.description);
        properties.insert("query".to_owned(), self.query.as_str().into());
        properties
    }
}

impl Document for TopicSpace {
    fn read(name: &str, properties: &Value) -> Result<Self, InvalidDocument> {
        let name = resource_name(name)?;
        let mut fields = Fields::of("properties", properties)?;
        fields.ignore(READ_ONLY);
        // Of the private preview; samples of the service still send it.
        fields.ignore(&["subscriptionSupport"]);
        let description = fields.text("description")?.unwrap_or_default().to_owned();
        let texts = fields.texts("topicTemplates")?;
        let texts = texts.ok_or_else(|| fields.wrong("topicTemplates", "it is required"))?;
        if !(1..=TEMPLATES_PER_SPACE).contains(&texts.len()) {
            let reason = format!("it must have 1 to {TEMPLATES_PER_SPACE} items, not {}", texts.len());
            return Err(fields.wrong("topicTemplates", reason));
        }
        let read = |(index, text): (usize, &&str)| {
            let wrong = |error| fields.wrong(&format!("topicTemplates[{index}]"), error);
            Template::parse(text).map_err(wrong)
        };
        let templates = texts.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        fields.finish()?;
        Ok(Self { name, description, templates })
    }

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn properties(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        describe(&mut properties, &self.description);
        let templates: Vec<&str> = self.templates.iter().map(Template::as_str).collect();
        properties.insert("topicTemplates".to_owned(), json!(templates));
        properties
    }
}

impl Document for PermissionBinding {
    fn read(name: &str, properties: &Value) -> Result<Self, InvalidDocument> {
        let name = resource_name(name)?;
        let mut fields = Fields::of("properties", properties)?;
        fields.ignore(READ_ONLY);
        let description = fields.text("description")?.unwrap_or_default().to_owned();
        let group = fields.required_text("clientGroupName")?;
        let group = GroupRef::parse(group).map_err(|error| fields.wrong("clientGroupName", error))?;
        let space = fields.required_text("topicSpaceName")?;
        let topic_space =
            ResourceName::parse(space).map_err(|error| fields.wrong("topicSpaceName", error))?;
        let choices = [Permission::Publisher, Permission::Subscriber].map(|each| (each.name(), each));
        let permission = fields.choice("permission", &choices)?;
        let permission = permission.ok_or_else(|| fields.wrong("permission", "it is required"))?;
        fields.finish()?;
        Ok(Self { name, description, group, topic_space, permission })
    }

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn properties(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        describe(&mut properties, &self.description);
        properties.insert("clientGroupName".to_owned(), self.group.to_string().into());
        properties.insert("topicSpaceName".to_owned(), self.topic_space.as_str().into());
        properties.insert("permission".to_owned(), self.permission.name().into());
        properties
    }
}
