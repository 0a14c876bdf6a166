//! What never changes while the front lives, in every coding that somebody asked for: made once, with all effort, and kept
//! beside the cache, because it is small and everybody wants it.

use hyper::HeaderMap;
use tokio::sync::OnceCell;

use super::{code, kept::Kept, kept::Made, served};
use crate::{
    answer::Answered,
    coding::{Coding, press::Effort, wish},
};

/// An answer for good.
#[derive(Debug)]
pub(crate) struct Fixed {
    made: Made,
    forms: [OnceCell<Kept>; Coding::MADE.len() + 1],
}

impl Fixed {
    pub(crate) fn new(made: Made) -> Self {
        Self { made, forms: Default::default() }
    }

    /// The answer, coded as the visitor wishes, without its content if he has it.
    ///
    /// # Errors
    ///
    /// 406 when the visitor takes no coding that there is.
    pub(crate) async fn answer(&self, asked: &HeaderMap) -> Answered {
        let wish = wish::read(asked)?;
        let form = &self.forms[wish.coding as usize];
        let kept = match form.get() {
            Some(kept) => kept,
            None => Box::pin(form.get_or_init(|| code(0, self.made.clone(), wish.coding, Effort::Thorough))).await,
        };
        Ok(served(kept, wish, asked))
    }
}
