"""How the page starts its scripts."""


def starting(script: str, call: str = "mount(element)") -> str:
    """JavaScript for Gradio that loads `static/SCRIPT.js` and calls one of its functions.

    The address is taken from that of the page: there may be the prefix of a proxy before it.
    """
    address = f"new URL('lab/static/{script}.js', document.baseURI)"
    return f"import({address}).then(m => m.{call}).catch(e => console.error(e));"
