"""What things, walls and floors are covered with: surfaces, pictures, prints, and materials made of them."""
