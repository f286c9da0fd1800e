module spillway/browser

go 1.26.0

require (
	github.com/chromedp/chromedp v0.23.0
	spillway v0.0.0
)

replace spillway => ../
