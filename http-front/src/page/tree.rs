//! From a list of comments to the tree of who answers whom.

use std::collections::HashMap;

use proto::{AnyId, Topic};

use super::document::Comment;

/// Replies stand this deep below each other at most; what is deeper is told in order at that depth. Narrow screens have no
/// room for more, and browsers flatten documents that are nested too deeply.
const DEPTH_LIMIT: usize = 8;

/// A comment and its replies.
#[derive(Debug)]
pub(crate) struct Branch<'a> {
    pub(crate) comment: &'a Comment,
    pub(crate) answers: Answers<'a>,
    pub(crate) replies: Vec<Branch<'a>>,
}

/// What a comment answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answers<'a> {
    /// What stands directly above it, or nothing.
    Above,
    /// Something else on this page.
    Here(&'a Comment),
    /// What is not on this page.
    Elsewhere(AnyId),
}

/// The comments of a page, by their places in it.
struct Page<'a> {
    comments: &'a [Comment],
    replies: Vec<Vec<usize>>,
}

/// Puts each comment below what it answers, in the order of the list; what answers nothing on this page stands at the top.
///
/// An id is a hash of bytes that hold the id of the parent, so nothing can answer itself in a circle.
pub(crate) fn grow<'a>(topic: &Topic, comments: &'a [Comment]) -> Vec<Branch<'a>> {
    let places = comments
        .iter()
        .enumerate()
        .flat_map(|(place, comment)| [(AnyId::Comment(comment.id), place), (AnyId::Legacy(comment.legacy_id), place)]);
    let places: HashMap<AnyId, usize> = places.collect();
    let (mut tops, mut replies) = (Vec::new(), vec![Vec::new(); comments.len()]);
    for (place, comment) in comments.iter().enumerate() {
        let parent = comment.parent(topic);
        match (parent, parent.and_then(|parent| places.get(&parent))) {
            (_, Some(parent)) => replies[*parent].push(place),
            (Some(parent), None) => tops.push((place, Answers::Elsewhere(parent))),
            (None, None) => tops.push((place, Answers::Above)),
        }
    }
    let page = Page { comments, replies };
    tops.into_iter().map(|(place, answers)| page.branch(place, answers, 1)).collect()
}

impl<'a> Page<'a> {
    fn branch(&self, place: usize, answers: Answers<'a>, depth: usize) -> Branch<'a> {
        let replies = match depth + 1 < DEPTH_LIMIT {
            true => self.replies[place].iter().map(|reply| self.branch(*reply, Answers::Above, depth + 1)).collect(),
            false => self.all_below(place),
        };
        Branch { comment: &self.comments[place], answers, replies }
    }

    /// All that is below a place, one after the other.
    fn all_below(&self, place: usize) -> Vec<Branch<'a>> {
        let mut left: Vec<_> = self.replies[place].iter().rev().map(|reply| (*reply, Answers::Above)).collect();
        let mut all = Vec::new();
        while let Some((place, answers)) = left.pop() {
            let comment = &self.comments[place];
            all.push(Branch { comment, answers, replies: Vec::new() });
            left.extend(self.replies[place].iter().rev().map(|reply| (*reply, Answers::Here(comment))));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proto::{CommentId, LegacyId, Seq};

    use super::{super::document::Signature, *};

    const TOPIC: Topic = Topic([250; 20]);

    fn comment(number: u8, parent: &str) -> Comment {
        let (id, legacy_id) = (CommentId([number; 32]), LegacyId([number; 20]));
        Comment {
            id,
            legacy_id,
            seq: Seq(number.into()),
            headers: vec![("Parent".to_owned(), parent.to_owned())],
            text: Some("text".to_owned()),
            signature: Signature::None,
            edited_by: None,
        }
    }

    /// `1(2 3(4))`, with `^` before what answers something elsewhere, and `1>` before what answers that.
    fn drawn(branches: &[Branch<'_>]) -> String {
        let one = |branch: &Branch<'_>| {
            let below = if branch.replies.is_empty() { String::new() } else { format!("({})", drawn(&branch.replies)) };
            let mark = match branch.answers {
                Answers::Above => String::new(),
                Answers::Here(parent) => format!("{}>", parent.seq),
                Answers::Elsewhere(_) => "^".to_owned(),
            };
            format!("{mark}{}{below}", branch.comment.seq)
        };
        branches.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn replies_stand_below_what_they_answer_by_either_id() {
        let (first, legacy) = (CommentId([1; 32]).to_string(), LegacyId([2; 20]).to_string());
        let comments = [
            comment(1, &TOPIC.to_string()),
            // A reply may arrive before what it answers.
            comment(3, &legacy),
            comment(2, &first),
            comment(4, &CommentId([99; 32]).to_string()),
            comment(5, "no id"),
            comment(6, &first),
        ];
        assert_eq!(drawn(&grow(&TOPIC, &comments)), "1(2(3) 6) ^4 5");
    }

    #[test]
    fn a_long_dispute_is_not_deeper_than_the_limit() {
        let below = |number: u8| LegacyId([number - 1; 20]).to_string();
        let comments: Vec<_> = (1..=200).map(|number| comment(number, &below(number))).collect();
        let mut branches = grow(&TOPIC, &comments);
        let mut depth = 0;
        while let [branch] = &mut branches[..] {
            (depth, branches) = (depth + 1, std::mem::take(&mut branch.replies));
        }
        assert_eq!((depth + 1, branches.len()), (DEPTH_LIMIT, 200 - DEPTH_LIMIT + 1));
        assert!(drawn(&branches).starts_with("8 8>9 9>10 10>11"), "who is answered is told: {}", drawn(&branches));
    }
}
