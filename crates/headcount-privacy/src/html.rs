//! The pack's Markdown as HTML.

use std::collections::HashSet;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The name of the code block that the picture replaces.
pub(crate) const PICTURE: &str = "data-flow";

/// The Markdown as an HTML fragment, with `picture` in place of the code block [`PICTURE`], an id for each heading and a list of the sections
/// after the first heading. HTML in the Markdown is shown as text.
pub(crate) fn fragment(markdown: &str, picture: &str) -> String {
    let mut parser = Parser::new_ext(markdown, Options::ENABLE_TABLES);
    let mut page = Page::default();
    while let Some(event) = parser.next() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(name))) if *name == *PICTURE => {
                let _text = parser.find(|event| matches!(event, Event::End(TagEnd::CodeBlock)));
                page.events.push(Event::Html(CowStr::Borrowed(picture)));
            }
            Event::Start(Tag::Heading { level, .. }) => page.heading(level, &mut parser),
            Event::Start(Tag::Table(alignments)) => {
                page.open_table();
                page.events.push(Event::Start(Tag::Table(alignments)));
            }
            Event::End(TagEnd::Table) => {
                page.events.push(Event::End(TagEnd::Table));
                page.events.push(Event::Html("</div>\n".into()));
            }
            // No template has HTML: whatever looks like it came from somebody's words.
            Event::Html(text) | Event::InlineHtml(text) => page.events.push(Event::Text(text)),
            other => page.events.push(other),
        }
    }
    let contents = page.contents();
    if let Some(place) = page.after_title {
        page.events.insert(place, Event::Html(contents.into()));
    }
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, page.events.into_iter());
    html
}

/// The page while it is read.
#[derive(Default)]
struct Page<'m> {
    events: Vec<Event<'m>>,
    /// The sections' ids and titles.
    sections: Vec<(String, String)>,
    ids: HashSet<String>,
    /// Where the list of sections goes.
    after_title: Option<usize>,
    /// The heading above what follows.
    title: String,
    /// How many tables there are below it.
    tables: u32,
}

impl<'m> Page<'m> {
    /// Gives the heading an id that follows from its words.
    fn heading(&mut self, level: HeadingLevel, parser: &mut Parser<'m>) {
        let mut inner = Vec::new();
        let mut title = String::new();
        for event in parser.by_ref() {
            match event {
                Event::End(TagEnd::Heading(_)) => break,
                Event::Text(ref text) | Event::Code(ref text) => title.push_str(text),
                _ => {}
            }
            inner.push(event);
        }
        let id = self.new_id(&title);
        self.events.push(Event::Start(Tag::Heading {
            level,
            id: Some(id.clone().into()),
            classes: Vec::new(),
            attrs: Vec::new(),
        }));
        self.events.extend(inner);
        self.events.push(Event::End(TagEnd::Heading(level)));
        match level {
            HeadingLevel::H1 => self.after_title = Some(self.events.len()),
            HeadingLevel::H2 => self.sections.push((id, title.clone())),
            _ => {}
        }
        self.title = title;
        self.tables = 0;
    }

    fn new_id(&mut self, title: &str) -> String {
        let words = title.split(|character: char| !character.is_ascii_alphanumeric());
        let words: Vec<String> = words
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        let plain = words.join("-");
        let mut id = plain.clone();
        let mut number = 1;
        while !self.ids.insert(id.clone()) {
            number += 1;
            id = format!("{plain}-{number}");
        }
        id
    }

    /// A table may be wider than a screen: it scrolls by itself, also with the keyboard, and so needs a name.
    fn open_table(&mut self) {
        self.tables += 1;
        let number = match self.tables {
            1 => String::new(),
            number => format!(" ({number})"),
        };
        let label = escape(&format!("Table: {}{number}", self.title));
        let open = format!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{label}\">\n"
        );
        self.events.push(Event::Html(open.into()));
    }

    fn contents(&self) -> String {
        let items = self.sections.iter().map(|(id, title)| {
            let title = escape(title);
            format!("<li><a href=\"#{id}\">{title}</a></li>")
        });
        let items: String = items.collect();
        format!("<nav class=\"contents\" aria-label=\"On this page\"><ul>{items}</ul></nav>\n")
    }
}

/// For text and for attributes in double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_in_the_markdown_is_shown_and_has_no_effect() {
        let html = fragment(
            "# T\n\na <b>bold</b> <img src=x onerror=y>\n\n<script>z</script>\n",
            "",
        );
        assert!(
            !html.contains("<b>") && !html.contains("<img") && !html.contains("<script"),
            "{html}"
        );
        assert!(html.contains("&lt;script&gt;z&lt;/script&gt;"), "{html}");
    }

    #[test]
    fn sections_have_ids_and_are_listed() {
        let html = fragment("# T\n\n## A `b` & c\n\n## A b c\n", "");
        assert!(
            html.contains("<h2 id=\"a-b-c\">A <code>b</code> &amp; c</h2>"),
            "{html}"
        );
        assert!(
            html.contains("<li><a href=\"#a-b-c-2\">A b c</a></li>"),
            "{html}"
        );
        let (title, list) = (html.find("<h1").unwrap(), html.find("<nav").unwrap());
        assert!(title < list && list < html.find("<h2").unwrap());
    }

    #[test]
    fn the_picture_takes_the_place_of_its_code_block() {
        let html = fragment("~~~~data-flow\na ▼ b\n~~~~\n\n~~~~sh\nc\n~~~~\n", "<svg/>");
        assert!(
            html.contains("<svg/>") && !html.contains('▼') && html.contains("c\n"),
            "{html}"
        );
    }

    #[test]
    fn each_table_has_a_name_of_its_own() {
        let table = "| a |\n| --- |\n| b |\n\n";
        let html = fragment(&format!("## \"T\"\n\n{table}x\n\n{table}"), "");
        assert!(
            html.contains("aria-label=\"Table: &quot;T&quot;\""),
            "{html}"
        );
        assert!(
            html.contains("aria-label=\"Table: &quot;T&quot; (2)\""),
            "{html}"
        );
    }
}
