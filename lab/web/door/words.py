"""The little pages at the door: sign-in, and how to come in."""

import html
from pathlib import Path
from string import Template
from urllib.parse import quote

MARK = quote((Path(__file__).parents[2] / "page" / "static" / "mark.svg").read_text(encoding="utf-8"))
"""In the page itself: without one, browsers ask for an icon that only those who are in are given."""

FORWARD = Template(
    "<p>Opening the lab&hellip;</p><script>location.replace('$root/')</script><p><a href='$root/'>Open</a></p>"
)
# Not a redirect: a browser that came from another site would not send the strict cookie along with it.

CLOSED = (
    "<h1>LiftLab</h1><p>This lab is private. Open the address that it printed when it started "
    "(it ends in <code>?token=&hellip;</code>).</p>"
)


def note(message: str) -> str:
    """A message above a page; nothing for none."""
    return f"<p role='alert'>{html.escape(message)}</p>" if message else ""


def login(message: str, action: str) -> str:
    """The sign-in form with a message; `action` is the path that it is sent to."""
    return (
        f"<h1>LiftLab</h1>{note(message)}<form method='post' action='{action}'>"
        "<label>Name <input name='user' autocomplete='username' required autofocus></label>"
        "<label>Password <input name='password' type='password' autocomplete='current-password' "
        "required></label>"
        "<button>Sign in</button></form>"
    )


def page(title: str, body: str) -> str:
    """A whole page around `body`."""
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<link rel="icon" href="data:image/svg+xml,{MARK}"><style>
 :root {{ color-scheme: light dark }}
 body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 18vh auto; padding: 0 1rem }}
 label {{ display: block; margin: .8rem 0 }}
 input {{ display: block; width: 100%; font: inherit; padding: .4rem }}
 button {{ font: inherit; padding: .5rem 1.2rem }}
</style><body>{body}</body></html>"""
