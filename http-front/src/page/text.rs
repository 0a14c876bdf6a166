//! The text of a comment as HTML: what looks like an address becomes a link, everything else stays what it is.

use maud::{Markup, html};

/// What begins an address. Nothing else does: no `javascript:`, no `data:`.
const SCHEMES: [&str; 2] = ["https://", "http://"];

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Words(&'a str),
    Address(&'a str),
}

/// The paragraphs of a text: what empty lines part. Each reads in its own direction.
pub(crate) fn paragraphs(text: &str) -> Vec<&str> {
    let (mut paragraphs, mut begin, mut end) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        let next = end + line.len();
        if line.trim().is_empty() {
            paragraphs.push(&text[begin..end]);
            begin = next;
        }
        end = next;
    }
    paragraphs.push(&text[begin..]);
    paragraphs.into_iter().map(str::trim_end).filter(|paragraph| !paragraph.trim().is_empty()).collect()
}

/// One paragraph.
pub(crate) fn shown(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Words(words) => (words),
                Piece::Address(url) => a href=(url) rel="nofollow ugc noopener" { (url) },
            }
        }
    }
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest, mut from) = (Vec::new(), text, 0);
    while let Some(at) = next_address(rest, from) {
        let end = at + address_end(&rest[at..]);
        if SCHEMES.contains(&&rest[at..end]) {
            // A scheme alone leads nowhere.
            from = end;
            continue;
        }
        pieces.extend((at > 0).then_some(Piece::Words(&rest[..at])));
        pieces.push(Piece::Address(&rest[at..end]));
        (rest, from) = (&rest[end..], 0);
    }
    pieces.extend((!rest.is_empty()).then_some(Piece::Words(rest)));
    pieces
}

fn next_address(text: &str, from: usize) -> Option<usize> {
    // One search for both: one for each would go to the end of the text each time that only the other is found.
    let begins = |at: &usize| SCHEMES.iter().any(|scheme| text[*at..].starts_with(scheme)) && begins_a_word(text, *at);
    text[from..].match_indices("http").map(|(at, _)| from + at).find(begins)
}

fn begins_a_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric())
}

/// Where an address ends: at a space, at anything that is not seen, and before the marks that end a sentence.
fn address_end(text: &str) -> usize {
    let part = text.find(ends_an_address).map_or(text, |end| &text[..end]);
    let bare = part.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
    // As in `(see https://en.wikipedia.org/wiki/Rook_(bird))`: a bracket belongs to whoever opened it.
    match bare.strip_suffix(')') {
        Some(inside) if bare.matches(')').count() > bare.matches('(').count() => inside.len(),
        _ => bare.len(),
    }
}

fn ends_an_address(character: char) -> bool {
    let marks = ['<', '>', '"', '`', '{', '}', '|', '\\', '^'];
    // Zero-width characters, and those that turn the direction of reading: an address must be what it looks like.
    let unseen = matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    character.is_whitespace() || character.is_control() || unseen || marks.contains(&character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_addresses_of_the_web_become_links() {
        let link = |url: &str| format!("<a href=\"{url}\" rel=\"nofollow ugc noopener\">{url}</a>");
        let rows = [
            ("plain", "plain".to_owned()),
            ("see https://a.example/x?y=1&z.", format!("see {}.", link("https://a.example/x?y=1&amp;z"))),
            ("(http://a.example/b_(c))", format!("({})", link("http://a.example/b_(c)"))),
            ("(http://a.example/b)", format!("({})", link("http://a.example/b"))),
            ("https:// http://", "https:// http://".to_owned()),
            ("https:// and https://a.example", format!("https:// and {}", link("https://a.example"))),
            ("xhttps://a.example", "xhttps://a.example".to_owned()),
            (
                "javascript:alert(1) data:text/html,x //a.example",
                "javascript:alert(1) data:text/html,x //a.example".to_owned(),
            ),
            ("http://a.example/\"onclick=x", format!("{}&quot;onclick=x", link("http://a.example/"))),
            ("http://a.example/\u{202e}gpj.exe", format!("{}\u{202e}gpj.exe", link("http://a.example/"))),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;".to_owned()),
            ("a\nhttps://b.example\tc", format!("a\n{}\tc", link("https://b.example"))),
        ];
        for (text, expected) in rows {
            assert_eq!(shown(text).into_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_text_full_of_addresses_is_gone_through_once() {
        for (text, links) in [("http://a ", 1), ("http:// ", 0), ("xhttp://a ", 0)] {
            let many = 200_000;
            let began = std::time::Instant::now();
            assert_eq!(shown(&text.repeat(many)).into_string().matches("<a ").count(), links * many, "{text}");
            // Going to the end of the text for each would take minutes.
            assert!(began.elapsed().as_secs() < 20, "{text}: {:?}", began.elapsed());
        }
    }

    #[test]
    fn empty_lines_part_paragraphs() {
        let rows: [(&str, &[&str]); 5] = [
            ("one\ntwo\n\nthree\n", &["one\ntwo", "three"]),
            ("\n \n\n  indented\n\t\n\n\nlast", &["  indented", "last"]),
            ("x", &["x"]),
            ("\n", &[]),
            ("", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(paragraphs(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_character_is_lost_or_added(text in "(https?://|[a-z ()<>\"'.&\u{202e}]|\\PC){0,40}") {
            let all: String = pieces(&text).into_iter().map(|piece| match piece {
                Piece::Words(part) | Piece::Address(part) => part,
            }).collect();
            prop_assert_eq!(all, text);
        }
    }
}
