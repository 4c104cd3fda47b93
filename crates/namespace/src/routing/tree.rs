//! A tree of topic levels.

use std::collections::HashMap;

/// Children that are searched one after the other; more are in a table.
const FEW: usize = 8;

/// A place in the tree. That of the root is [`ROOT`].
pub type NodeId = u32;

/// Above the first level. No other node leads to it, and so it stands for none.
pub const ROOT: NodeId = 0;

/// Values at places that the levels of topics lead to.
#[derive(Debug)]
pub struct Tree<V> {
    nodes: Vec<Node<V>>,
    /// Nodes that nothing leads to.
    free: Vec<NodeId>,
}

/// What is below and at a place.
#[derive(Debug)]
pub struct Node<V> {
    children: Children,
    /// The child for `+`, or [`ROOT`].
    any: NodeId,
    /// What is kept here.
    pub value: V,
}

#[derive(Debug)]
enum Children {
    Few(Vec<(Box<str>, NodeId)>),
    /// With the hash of the standard library, because clients choose the names.
    Many(HashMap<Box<str>, NodeId>),
}

/// What a tree can keep.
pub trait Value: Default {
    /// Whether nothing is kept, so that the place is not needed for it.
    fn is_empty(&self) -> bool;
}

impl<V: Value> Default for Tree<V> {
    fn default() -> Self {
        Self { nodes: vec![Node::new()], free: Vec::new() }
    }
}

impl<V: Value> Tree<V> {
    /// What is at a place.
    #[inline]
    pub fn node(&self, id: NodeId) -> &Node<V> {
        &self.nodes[id as usize]
    }

    /// The place to which these levels lead, made where it is missing. `+` is a level of its own.
    pub fn reach(&mut self, levels: &[&str]) -> &mut V {
        let mut at = ROOT;
        for level in levels {
            at = match self.node(at).child(level) {
                Some(next) => next,
                None => self.add(at, level),
            };
        }
        &mut self.nodes[at as usize].value
    }

    /// What is at the place to which these levels lead.
    pub fn get(&self, levels: &[&str]) -> Option<&V> {
        let mut at = ROOT;
        for level in levels {
            at = self.node(at).child(level)?;
        }
        Some(&self.node(at).value)
    }

    /// Changes what is at the place to which these levels lead, and takes away what is not needed any more. `None` if there
    /// is no such place.
    pub fn change<R>(&mut self, levels: &[&str], change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let mut path = Vec::with_capacity(levels.len());
        let mut at = ROOT;
        for level in levels {
            path.push(at);
            at = self.node(at).child(level)?;
        }
        let changed = change(&mut self.nodes[at as usize].value);
        for (parent, level) in path.into_iter().zip(levels).rev() {
            if !self.node(at).is_empty() {
                break;
            }
            self.nodes[parent as usize].remove(level);
            self.nodes[at as usize] = Node::new();
            self.free.push(at);
            at = parent;
        }
        Some(changed)
    }

    /// Nodes that something leads to, the root with them.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    fn add(&mut self, parent: NodeId, level: &str) -> NodeId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::new());
            // Each takes far more than a byte: there are less than 2³².
            (self.nodes.len() - 1) as NodeId
        });
        self.nodes[parent as usize].insert(level, id);
        id
    }
}

impl<V: Value> Node<V> {
    fn new() -> Self {
        Self { children: Children::Few(Vec::new()), any: ROOT, value: V::default() }
    }

    /// The child for `+`.
    #[inline]
    pub fn any(&self) -> Option<NodeId> {
        (self.any != ROOT).then_some(self.any)
    }

    /// The child for this level.
    #[inline]
    pub fn child(&self, level: &str) -> Option<NodeId> {
        match (&self.children, level) {
            (_, "+") => self.any(),
            (Children::Few(few), _) => few.iter().find(|(name, _)| **name == *level).map(|(_, id)| *id),
            (Children::Many(many), _) => many.get(level).copied(),
        }
    }

    /// All children but that for `+`, with their levels.
    pub fn children(&self) -> impl Iterator<Item = (&str, NodeId)> {
        let (few, many) = match &self.children {
            Children::Few(few) => (Some(few.iter()), None),
            Children::Many(many) => (None, Some(many.iter())),
        };
        let few = few.into_iter().flatten().map(|(name, id)| (&**name, *id));
        few.chain(many.into_iter().flatten().map(|(name, id)| (&**name, *id)))
    }

    fn insert(&mut self, level: &str, id: NodeId) {
        match &mut self.children {
            _ if level == "+" => self.any = id,
            Children::Few(few) if few.len() < FEW => few.push((level.into(), id)),
            Children::Few(few) => {
                let mut many: HashMap<_, _> = std::mem::take(few).into_iter().collect();
                many.insert(level.into(), id);
                self.children = Children::Many(many);
            }
            Children::Many(many) => {
                many.insert(level.into(), id);
            }
        }
    }

    fn remove(&mut self, level: &str) {
        match &mut self.children {
            _ if level == "+" => self.any = ROOT,
            Children::Few(few) => few.retain(|(name, _)| **name != *level),
            Children::Many(many) => {
                many.remove(level);
                if many.is_empty() {
                    self.children = Children::Few(Vec::new());
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        let without_children = match &self.children {
            Children::Few(few) => few.is_empty(),
            Children::Many(many) => many.is_empty(),
        };
        without_children && self.any == ROOT && self.value.is_empty()
    }
}
