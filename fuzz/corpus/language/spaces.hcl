locals {
  one = 1 # a
  twelve   =   { a = 1,

 b = [ 1,2 ,
 3 ] } // b
  /* c */ x = (1 +
 2)



}
