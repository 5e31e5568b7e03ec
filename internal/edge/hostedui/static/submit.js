// Presses the button of the page that posts an answer to an app.
document.forms[0].submit()
