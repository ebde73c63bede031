# Something to keep a state of, wherever that is.

resource "random_password" "drawn" {
  length = 32
}

resource "ha_data" "this" {
  input = random_password.drawn.result
}

output "drawn" {
  value     = random_password.drawn.result
  sensitive = true
}
