// Package product has the words of the example: updates that arrive part by part, and the products that they add up to.
package product
